package session

import (
	"context"
	"io"
	"sync"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

// Turn is a turn of no session.
type Turn struct {
	mu   sync.Mutex
	turn turn
}

// NewTurn returns a Turn that is nobody's.
func NewTurn() *Turn {
	t := new(Turn)
	t.turn.mu = &t.mu
	return t
}

// Wait waits for the turn.
func (t *Turn) Wait(ctx context.Context, op trace.Op, done <-chan struct{}) bool {
	return t.turn.wait(ctx, op, done)
}

// Pass ends the turn of op.
func (t *Turn) Pass(op trace.Op) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.turn.pass(call{op: op})
}

// Free reports whether the turn is nobody's, and nobody waits.
func (t *Turn) Free() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.turn.held && t.turn.waiting == 0 && len(t.turn.next) == 0
}

// Attached returns the session of a connection without a library, and its wire: over
// rwc, whose blocks conn reports. It is below the span in ctx.
func Attached(ctx context.Context, rwc io.ReadWriteCloser, conn *netpoll.Conn) (*Session, io.ReadWriteCloser) {
	s := newSession(ctx, trace.FromContext(ctx), roleServer, true, NewConfig(nil), func(error) int { return -1 })
	s.established(ctx)
	return s, s.attach(rwc, conn, nil)
}

// Op returns the operation of a read.
func (r *Read) Op() trace.Op { return r.op }

// Op returns the operation of a write.
func (w *Write) Op() trace.Op { return w.op }

// Last returns the span whose frame is being written, or was last.
func (s *Session) Last() oteltrace.SpanContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.before()
}

// WithLive is trace.WithLive, which programs set for the tracer of a context.
func WithLive() Option {
	return func(c *Config) { c.trace = append(c.trace, trace.WithLive()) }
}
