// Echo is the quick start: a WebSocket server and a client. Their spans are sent to the
// OTLP endpoint of OpenTelemetry's environment variables, by default on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main, for its test. It returns the exit code: 2 for bad flags, 1 for other
// errors.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("echo", flag.ContinueOnError)
	fs.SetOutput(stderr)
	addr := fs.String("serve", "", "run the server alone, on this `address`, until interrupted")
	url := fs.String("connect", "", "run the client alone, against this `URL`")
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	provider, err := newProvider(ctx)
	if err == nil {
		tracer := trace.New(trace.WithTracerProvider(provider)) // or otel.SetTracerProvider, for the whole program
		err = both(tracer.NewContext(ctx), *addr, *url, stdout)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, provider.Shutdown(ctx)) // sends the spans that wait
	}
	if err != nil {
		fmt.Fprintf(stderr, "echo: %v\n", err)
		return 1
	}
	return 0
}

// newProvider makes the provider of all spans.
func newProvider(ctx context.Context) (*sdktrace.TracerProvider, error) {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	res, err := resource.New(ctx, resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("echo")), resource.WithAttributes(telemetry.HostAddress()...), resource.WithFromEnv())
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res)), err
}

// both runs the client if there is a url, the server if there is an addr, or else both.
func both(ctx context.Context, addr, url string, out io.Writer) error {
	if url != "" {
		return trace.Handle(ctx, "hello", func(ctx context.Context) error { return hello(ctx, url, out) })
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	alone := addr != ""
	if !alone {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "listens on ws://%s\n", l.Addr())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, l) }()
	if !alone {
		err = both(ctx, "", "ws://"+l.Addr().String(), out)
		stop()
	}
	return errors.Join(err, <-served)
}

// serve serves echo until ctx ends, and waits for its connections.
func serve(ctx context.Context, l net.Listener) error {
	var connections sync.WaitGroup
	handler := wsconn.Handler("echo", echo)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connections.Add(1)
			defer connections.Done()
			handler.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	connections.Wait()
	return nil
}

// echo sends each message back. It runs as the goroutine echo, whose span ctx carries.
func echo(ctx context.Context, c *wsconn.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
	}
}

func hello(ctx context.Context, url string, out io.Writer) error {
	c, _, err := wsconn.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
		return err
	}
	_, p, err := c.Read(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", p)
	return c.Close(wsconn.StatusNormalClosure, "")
}
