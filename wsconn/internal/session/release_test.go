package session_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

var (
	textFrame  = []byte("\x81\x02hi")
	pongFrame  = []byte("\x8A\x02hi")
	closeFrame = []byte("\x88\x02\x03\xEA") // 1002
)

// An operation is used again where its call was the only one in the wire, and never
// while another goroutine can have it. No library is above the wire: it would have to
// be at one of its ends at the right moment.
func TestReleaseAlone(t *testing.T) {
	type end struct {
		*session.Session
		wire io.ReadWriter
		conn *netpoll.Conn
		peer net.Conn
	}
	write := func(e end, frame []byte) { _, _ = e.wire.Write(frame) }
	read := func(e end) { _, _ = e.wire.Read(make([]byte, 100)) }
	send := func(e end) { _, _ = e.peer.Write(textFrame) }

	for _, tt := range []struct {
		name  string
		alone bool
		below func(net.Conn) net.Conn // between the wire and the conn, nil for nothing
		call  func(ctx context.Context, e end, other func(func())) *trace.Op
	}{
		{"a read", true, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			send(e)
			read(e)
			r.End(messageText, 2, nil)
			return r.Op()
		}},
		{"a read, and its message", true, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			send(e)
			read(e)
			r.Receive(messageText, 2, nil)
			return r.Op()
		}},
		{"a read of a part", true, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			send(e)
			read(e)
			r.EndPart(messageText, 1, nil)
			return r.Op()
		}},
		{"a write", true, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			w := e.BeginWrite(ctx, messageText)
			write(e, textFrame)
			w.End(2, nil)
			return w.Op()
		}},
		{"a read that failed", false, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			r.End(messageText, 0, io.ErrUnexpectedEOF)
			return r.Op()
		}},
		{"a write that failed", false, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			w := e.BeginWrite(ctx, messageText)
			w.End(0, io.ErrUnexpectedEOF)
			return w.Op()
		}},
		{"somebody reads at the end of a read", false, nil, func(ctx context.Context, e end, other func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			other(func() { read(e) })
			r.End(messageText, 2, nil)
			return r.Op()
		}},
		{"a read overlaps another", false, nil, func(ctx context.Context, e end, _ func(func())) *trace.Op {
			first, second := e.BeginRead(ctx), e.BeginRead(ctx)
			second.End(messageText, 2, nil)
			first.End(messageText, 2, io.EOF)
			return second.Op()
		}},
		{"somebody answers at the end of a read", false, nil, func(ctx context.Context, e end, other func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			other(func() { write(e, pongFrame) })
			r.End(messageText, 2, nil)
			return r.Op()
		}},
		{"the library judges what it reads", false, nil, func(ctx context.Context, e end, other func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			write(e, closeFrame)
			r.End(messageText, 2, nil)
			return r.Op()
		}},
		{"somebody writes at the end of a write", false, nil, func(ctx context.Context, e end, other func(func())) *trace.Op {
			w := e.BeginWrite(ctx, messageText)
			other(func() { write(e, textFrame) })
			w.End(2, nil)
			return w.Op()
		}},
		{"somebody waits and writes at the end of a write", false, nil, func(ctx context.Context, e end, other func(func())) *trace.Op {
			w := e.BeginWrite(ctx, messageText)
			other(func() { write(e, textFrame[:3]) })
			p := e.BeginPing(ctx) // and waits
			w.End(2, nil)
			p.End(nil)
			return w.Op()
		}},
		{"what is below writes by itself", false, busily, func(ctx context.Context, e end, other func(func())) *trace.Op {
			w := e.BeginWrite(ctx, messageText)
			write(e, textFrame)
			synctest.Wait()
			w.End(2, nil)
			return w.Op()
		}},
		{"what is below reads by itself", false, busily, func(ctx context.Context, e end, other func(func())) *trace.Op {
			r := e.BeginRead(ctx)
			read(e)
			synctest.Wait()
			r.End(messageText, 2, nil)
			return r.Op()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			again := 0
			for range 20 { // a pool may forget
				synctest.Test(t, func(t *testing.T) {
					rec := newRecorder(t)
					ctx, handshake := trace.Start(rec.context(t.Context()), semconv.SpanHandshake)
					handshake.End(nil)
					nc, peer := wstest.NetPipe(wstest.WithWindow(4))
					defer peer.Close()
					conn := netpoll.Wrap(nc)
					rwc := net.Conn(conn)
					if tt.below != nil {
						rwc = tt.below(rwc)
					}
					s, wire := session.Attached(ctx, rwc, conn)
					var wg sync.WaitGroup
					defer wg.Wait()
					defer wire.Close()
					other := func(f func()) {
						if tt.name != "somebody reads at the end of a read" {
							_, _ = nc.Write(make([]byte, 4)) // the window is full
						}
						wg.Go(f)
						synctest.Wait() // it is parked
					}
					op := tt.call(ctx, end{s, wire, conn, peer}, other)
					next := trace.FromContext(ctx).StartAs(ctx, "next", trace.OpConfig{})
					defer next.End(nil)
					if next == op {
						again++
					}
				})
			}
			if (again > 0) != tt.alone {
				t.Errorf("its memory was used again %d times of 20, want it to be: %t", again, tt.alone)
			}
		})
	}
}

// busily is what lies above nc and calls it whenever it likes, as TLS does that has an
// alert to send.
func busily(nc net.Conn) net.Conn { return busy{nc} }

type busy struct{ net.Conn }

func (b busy) Read(p []byte) (int, error) {
	go func() { _, _ = b.Conn.Read(make([]byte, 1)) }()
	synctest.Wait()
	return copy(p, textFrame), nil
}

func (b busy) Write(p []byte) (int, error) {
	go func() { _, _ = b.Conn.Write(make([]byte, 5)) }() // more than the window
	synctest.Wait()
	return len(p), nil
}

// Whoever waits behind a write that has no span is told of nobody, and not of who
// wrote before it.
func TestLastWithoutSpan(t *testing.T) {
	rec := newRecorder(t)
	ctx, handshake := trace.Start(rec.context(t.Context()), semconv.SpanHandshake)
	handshake.End(nil)
	nc, peer := wstest.NetPipe()
	defer peer.Close()
	conn := netpoll.Wrap(nc)
	s, wire := session.Attached(ctx, conn, conn)
	defer wire.Close()

	w := s.BeginWrite(ctx, messageText)
	_, _ = wire.Write(textFrame)
	want := w.Op().SpanContext()
	w.End(2, nil)
	if got := s.Last(); !got.Equal(want) || !got.IsValid() {
		t.Errorf("after a write: got the span %v, want its %v", got.SpanID(), want.SpanID())
	}
	w = s.BeginWrite(oteltrace.ContextWithSpanContext(ctx, want.WithTraceFlags(0)), messageText)
	_, _ = wire.Write(textFrame)
	if got := s.Last(); got.IsValid() {
		t.Errorf("in a write without a span: got %v", got.SpanID())
	}
	w.End(2, nil)
	if got := s.Last(); got.IsValid() {
		t.Errorf("after a write without a span: got %v", got.SpanID())
	}
}
