//go:build unix

package interop_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/wsconn"
)

// BenchmarkOTLP is a message there and back, with all spans of both sides sent by
// OTLP over HTTP to a server in the same process that reads and drops them: the
// CPU time is that of all three. Spans by hand are one around each read and write.
func BenchmarkOTLP(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer sink.Close()
	type flusher interface {
		provider
		ForceFlush(context.Context) error
	}
	for _, mode := range []struct {
		name string
		make func(e sdktrace.SpanExporter) flusher
	}{
		{"bare", nil},
		{"handwritten", func(e sdktrace.SpanExporter) flusher { return sdktrace.NewTracerProvider(sdktrace.WithBatcher(e)) }},
		{"full", func(e sdktrace.SpanExporter) flusher { return sdktrace.NewTracerProvider(sdktrace.WithBatcher(e)) }},
		{"lean", func(e sdktrace.SpanExporter) flusher { return lean.NewTracerProvider(lean.WithBatcher(e)) }},
	} {
		b.Run("mode="+mode.name, func(b *testing.B) {
			opts := []wsconn.Option{wsconn.WithTracerProvider(noop.NewTracerProvider()), wsconn.WithMessageSpans(wsconn.MessagesAll)}
			span := func(string) func() { return func() {} }
			flush := func() {}
			ctx := context.Background()
			if mode.make != nil {
				e, err := otlptrace.New(b.Context(), otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(sink.URL)))
				if err != nil {
					b.Fatal(err)
				}
				tp := mode.make(e)
				defer func() { _ = tp.Shutdown(context.Background()) }()
				flush = func() { _ = tp.ForceFlush(context.Background()) }
				tracer := tp.Tracer("bench")
				root, s := tracer.Start(ctx, "root")
				s.End()
				ctx = root
				if mode.name == "handwritten" {
					span = func(name string) func() {
						_, s := tracer.Start(ctx, name, oteltrace.WithAttributes(attribute.String("network.io.direction", name)))
						return func() {
							s.SetAttributes(attribute.Int("websocket.message.size", 128))
							s.End()
						}
					}
				} else {
					opts[0] = wsconn.WithTracerProvider(tp)
				}
			}
			read := func(c *wsconn.Conn) (wsconn.MessageType, []byte, error) {
				defer span("read")()
				return c.Read(ctx)
			}
			write := func(c *wsconn.Conn, p []byte) error {
				defer span("write")()
				return c.Write(ctx, wsconn.MessageBinary, p)
			}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := wsconn.Accept(w, r, nil, opts...)
				if err != nil {
					return
				}
				defer c.CloseNow()
				for {
					_, p, err := read(c)
					if err != nil || write(c, p) != nil {
						return
					}
				}
			}))
			defer srv.Close()
			c, _, err := wsconn.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1), nil, opts...)
			if err != nil {
				b.Fatal(err)
			}
			defer c.CloseNow()
			msg := make([]byte, 128)
			b.ReportAllocs()
			flush()
			b.ResetTimer()
			before := cpuTime(b)
			for range b.N {
				if err := write(c, msg); err != nil {
					b.Fatal(err)
				}
				if _, _, err := read(c); err != nil {
					b.Fatal(err)
				}
			}
			flush()
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
