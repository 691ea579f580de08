package session_test

import (
	"context"
	"net"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// handwritten is a bare connection with the spans that one writes by hand.
type handwritten struct {
	conn
	tracer oteltrace.Tracer
}

func (c handwritten) Read(ctx context.Context) (int, []byte, error) {
	ctx, span := c.tracer.Start(ctx, "read", oteltrace.WithAttributes(attribute.String("network.io.direction", "receive")))
	defer span.End()
	typ, p, err := c.conn.Read(ctx)
	span.SetAttributes(attribute.Int("websocket.message.size", len(p)))
	return typ, p, err
}

func (c handwritten) Write(ctx context.Context, typ int, p []byte) error {
	ctx, span := c.tracer.Start(ctx, "write", oteltrace.WithAttributes(
		attribute.String("network.io.direction", "transmit"), attribute.Int("websocket.message.size", len(p))))
	defer span.End()
	return c.conn.Write(ctx, typ, p)
}

// BenchmarkEcho is a message of 100 bytes there and back on loopback, with the
// same tracing on both sides: two writes and two reads an operation.
func BenchmarkEcho(b *testing.B) {
	sampled := sdktrace.NewTracerProvider()
	unsampled := session.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())))
	for _, lib := range libraries {
		for _, mode := range []struct {
			name string
			end  endpoint
			hand bool
			opt  session.Option
		}{
			{"bare", lib.bare, false, nil},
			{"off", lib.traced, false, session.WithTracerProvider(noopProvider)},
			{"unsampled", lib.traced, false, unsampled},
			{"measured", lib.traced, false, both(unsampled, newMeasured().option())}, // and unsampled
			{"default", lib.traced, false, session.WithTracerProvider(sampled)},      // as of the second trace
			{"sampled", lib.traced, false, both(session.WithTracerProvider(sampled), session.WithMessageSpans(session.MessagesAll))},
			{"sampled without peer links", lib.traced, false, both(session.WithTracerProvider(sampled),
				both(session.WithMessageSpans(session.MessagesAll), session.WithoutPeerLinks()))},
			{"handwritten", lib.bare, true, nil},
		} {
			b.Run(lib.name+"/"+mode.name, func(b *testing.B) {
				c, done := benchPair(b, func(c conn) conn {
					if mode.hand {
						return handwritten{c, sampled.Tracer("bench")}
					}
					return c
				}, mode.end, mode.opt)
				msg := make([]byte, 100)
				ctx, cancel := context.WithCancel(b.Context())
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Write(ctx, messageBinary, msg); err != nil {
						b.Fatal(err)
					}
					if _, _, err := c.Read(ctx); err != nil {
						b.Fatal(err)
					}
				}
				cancel()
				_ = c.CloseNow()
				<-done
			})
		}
	}
}

func both(a, b session.Option) session.Option {
	return func(c *session.Config) {
		a(c)
		b(c)
	}
}

// benchPair connects to an echo.
func benchPair(b *testing.B, wrap func(conn) conn, end endpoint, opt session.Option) (conn, <-chan struct{}) {
	b.Helper()
	done := make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		c, err := end.accept(w, r, options{}, opt)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		c = wrap(c)
		ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
		defer cancel()
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return
			}
			_ = c.Write(ctx, typ, p)
		}
	})}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() { _ = srv.Close() })
	c, _, err := end.dial(b.Context(), "ws://"+l.Addr().String(), options{}, opt)
	if err != nil {
		b.Fatal(err)
	}
	return wrap(c), done
}

// Where nothing is recorded a message costs no allocation more than bare.
func TestOffAllocatesNothing(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	each(t, func(t *testing.T, lib library) {
		measure := func(s setup) float64 {
			p := connect(t, lib, setup{tcp: true, bare: s.bare, client: s.client, server: s.server})
			msg := make([]byte, 100)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					typ, msg, err := p.server.Read(ctx)
					if err != nil {
						return
					}
					_ = p.server.Write(ctx, typ, msg)
				}
			}()
			n := testing.AllocsPerRun(1000, func() {
				_ = p.client.Write(ctx, messageBinary, msg)
				_, _, _ = p.client.Read(ctx)
			})
			_ = p.client.CloseNow()
			<-done
			return n
		}
		bare := measure(setup{bare: true})
		for name, opt := range map[string]session.Option{
			"no-op":     session.WithTracerProvider(noopProvider),
			"unsampled": offs(t)["unsampled"].option(),
		} {
			opts := []session.Option{opt}
			if got := measure(setup{client: opts, server: opts}); got > bare {
				t.Errorf("%s: got %v allocations an echo, want %v as bare", name, got, bare)
			}
		}
	})
}
