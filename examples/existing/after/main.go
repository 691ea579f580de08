// Existing is a typical program: it has a WebSocket of nhooyr.io/websocket, otelhttp
// around all handlers, and spans of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	websocket "github.com/wakechain/wakechain/wsconn"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "Existing serves prices by WebSocket, on a port that it prints, until it is interrupted.\nIts spans go where OTEL_TRACES_EXPORTER says: console, otlp (the default) or none.")
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "existing:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context) error {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return err
	}
	res, err := resource.Merge(resource.Default(), resource.NewSchemaless(telemetry.HostAddress()...))
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("listens on ws://%s/prices\n", l.Addr())
	h := handler()
	var requests sync.WaitGroup // also those of WebSockets, which srv does not wait for
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			defer requests.Done()
			h.ServeHTTP(w, r)
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 5 * time.Second,
	}
	context.AfterFunc(ctx, func() { _ = srv.Close() })
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	requests.Wait()
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return provider.Shutdown(flush)
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /prices", prices)
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	return otelhttp.NewHandler(mux, "shop", otelhttp.WithFilter(func(r *http.Request) bool {
		return r.Header.Get("Upgrade") == "" // the handshake has its own span
	}))
}

// prices answers each message, the name of a good, with its price.
func prices(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer c.CloseNow()
	ctx := c.Context(r.Context())
	for {
		_, good, err := c.Read(ctx)
		if err != nil {
			return
		}
		price := lookUp(ctx, string(good))
		if err := c.Write(ctx, websocket.MessageText, []byte(price)); err != nil {
			return
		}
	}
}

// lookUp returns the price of a good, and makes a span of the program's own.
func lookUp(ctx context.Context, good string) string {
	_, span := otel.Tracer("shop").Start(ctx, "look up")
	defer span.End()
	return fmt.Sprintf("%s: %d.99", good, len(good))
}
