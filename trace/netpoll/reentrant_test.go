package netpoll_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// closing is a span processor that closes a conn when the first block starts or ends.
type closing struct {
	conn  *netpoll.Conn
	start bool
}

func (c *closing) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	if c.start && semconv.KindOf(s.Name()) == semconv.SpanBlock {
		_ = c.conn.Close()
	}
}

func (c *closing) OnEnd(s sdktrace.ReadOnlySpan) {
	if !c.start && semconv.KindOf(s.Name()) == semconv.SpanBlock {
		_ = c.conn.Close()
	}
}

func (*closing) Shutdown(context.Context) error   { return nil }
func (*closing) ForceFlush(context.Context) error { return nil }

// A span processor may do with a conn whatever the program may: it never runs while the
// conn is locked.
func TestCloseInProcessor(t *testing.T) {
	for _, start := range []bool{true, false} {
		for _, read := range []bool{true, false} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			peer, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			conn := netpoll.Wrap(nc)
			defer conn.Close()
			tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(&closing{conn, start}))
			_, op := trace.New(trace.WithTracerProvider(tp)).Start(t.Context(), "op")
			var c *call
			if read {
				conn.TraceRead(op)
				c = begin(func() (n int, err error) {
					for err == nil { // it is woken by a byte, and then closed
						n, err = conn.Read(make([]byte, 1))
					}
					return n, err
				}).parked(t, "IO wait")
				_, _ = peer.Write([]byte("a"))
			} else {
				conn.TraceWrite(op)
				c = begin(func() (int, error) { return conn.Write(make([]byte, 64<<20)) }).parked(t, "IO wait")
				go func() { _, _ = io.CopyN(io.Discard, peer, 8<<20) }() // and no more
			}
			_, err = c.wait()
			op.End(err)
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("closed at the start %v, reading %v: got %v, want net.ErrClosed", start, read, err)
			}
		}
	}
}
