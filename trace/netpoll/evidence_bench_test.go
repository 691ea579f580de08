package netpoll

import (
	"context"
	"net"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
)

// discard is an exporter that drops all spans.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                             { return nil }

// BenchmarkBlock is one park and its wake, as the poller's callback reports
// them, without the park itself: of a read, which has no evidence, of a write, which has
// some, and of a write whose block is too short to become a span.
func BenchmarkBlock(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	c := Wrap(nc)
	if c.raw == nil {
		b.Skip("did not run: parks are not seen on this system")
	}
	for _, bm := range []struct {
		name string
		half *half
		opts []trace.Option
	}{
		{"evidence=no", c.read(), nil},
		{"evidence=yes", &c.write, nil},
		{"evidence=skipped", &c.write, []trace.Option{trace.WithMinBlock(time.Hour)}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(discard{}))
			tracer := trace.New(append(bm.opts, trace.WithTracerProvider(tp))...)
			_, op := tracer.Start(context.Background(), "op")
			defer op.End(nil)
			h := bm.half
			s := h.enter(For(op), nil, nil)
			defer h.leave(s)
			err := c.raw.Control(func(fd uintptr) {
				b.ReportAllocs()
				for b.Loop() {
					h.reportPark(fd)
					h.noteWake(time.Now(), nil, func() tcpInfo { return measure(fd) })
					s.woke = false
					h.reportWake(s.call, s.awake, nil, &s.found)
				}
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
