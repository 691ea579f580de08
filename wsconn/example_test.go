package wsconn_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/wsconn"
)

// echo is a goroutine handler: ctx carries its span, "echo".
func echo(ctx context.Context, c *wsconn.Conn) error {
	for {
		typ, msg, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, msg); err != nil {
			return err
		}
	}
}

func hello(ctx context.Context, url string) error {
	c, _, err := wsconn.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
		return err
	}
	_, msg, err := c.Read(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", msg)
	return c.Close(wsconn.StatusNormalClosure, "")
}

func Example() {
	mux := http.NewServeMux()
	mux.Handle("/echo", wsconn.Handler("echo", echo))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	ctx, url := context.Background(), srv.URL+"/echo"
	err := trace.Handle(ctx, "hello", func(ctx context.Context) error { return hello(ctx, url) })
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}

// serve has the settings of a service in production. The exporter and the meters
// are the program's, as of OTLP.
func serve(ctx context.Context, addr string, exporter sdktrace.SpanExporter, meters metric.MeterProvider) error {
	tp := lean.NewTracerProvider( // sdktrace.NewTracerProvider, with fewer allocations
		lean.WithBatcher(exporter, sdktrace.WithMaxQueueSize(65_536)), // what is above it is dropped; 2,048 by default
		lean.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01))),
	)
	defer tp.Shutdown(context.WithoutCancel(ctx)) // sends the spans that wait
	h := wsconn.Handler("echo", echo,
		wsconn.WithTracerProvider(tp),
		wsconn.WithMeterProvider(meters),              // counts what is not sampled as well
		wsconn.WithPublicEndpoint(),                   // clients are linked, but do not decide what is recorded
		wsconn.WithMinBlock(time.Millisecond),         // shorter ones are only counted; 0 by default
		wsconn.WithTraceBudget(1_000, 10*time.Minute), // what a trace has of this side of a connection; the default
		wsconn.WithMessageSpans(wsconn.MessagesAuto),  // what stalled or failed, and runs of the others; the default
	)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	return srv.ServeTLS(wsconn.NewListener(l), "cert.pem", "key.pem") // the listener sees below TLS
}

func Example_production() {
	fmt.Println(serve(context.Background(), ":443", sdktracetest.NewNoopExporter(), noop.NewMeterProvider()))
}

// dial returns a recorded connection to an echo.
func dial(t *testing.T) *wsconn.Conn {
	t.Helper()
	srv := httptest.NewServer(wsconn.Handler("echo", echo))
	t.Cleanup(srv.Close)
	c, _, err := wsconn.Dial(t.Context(), srv.URL, nil, wsconn.WithTracerProvider(sdktrace.NewTracerProvider()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}
