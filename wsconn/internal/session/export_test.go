package session

import (
	"context"
	"io"
	"sync"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

// WriteLock is a write lock of no session.
type WriteLock struct {
	mu   sync.Mutex
	lock writeLock
}

// NewWriteLock returns an unlocked WriteLock.
func NewWriteLock() *WriteLock {
	l := new(WriteLock)
	l.lock.mu = &l.mu
	return l
}

// Lock waits for the lock.
func (l *WriteLock) Lock(ctx context.Context, op trace.Op, done <-chan struct{}) bool {
	return l.lock.lock(ctx, op, done)
}

// Unlock unlocks it for op.
func (l *WriteLock) Unlock(op trace.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lock.unlock(sender{span: op.SpanContext()})
}

// Free reports whether nobody holds the lock or waits for it.
func (l *WriteLock) Free() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.lock.held && l.lock.waiting == 0 && len(l.lock.next) == 0
}

// Attached returns the session of a connection without a library, and its wire: over
// rwc, whose blocks conn reports. It is below the span in ctx.
func Attached(ctx context.Context, rwc io.ReadWriteCloser, conn *netpoll.Conn) (*Session, io.ReadWriteCloser) {
	s := newSession(ctx, trace.FromContext(ctx), roleServer, true, false, NewConfig(nil), &Library{CloseStatus: func(error) int { return -1 }})
	s.established()
	return s, s.attach(rwc, conn, nil)
}

// Op returns the operation of a read.
func (r *Read) Op() trace.Op { return r.op }

// Op returns the operation of a write.
func (w *Write) Op() trace.Op { return w.op }

// Op returns the operation of a control frame.
func (c *Control) Op() trace.Op { return c.op }

// Last returns the span whose frame is being written, or was last.
func (s *Session) Last() oteltrace.SpanContext {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.lastSender().span
}

// WithLive is trace.WithLive, which programs set for the tracer of a context.
func WithLive() Option {
	return func(c *Config) { c.trace = append(c.trace, trace.WithLive()) }
}
