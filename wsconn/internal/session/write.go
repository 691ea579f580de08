package session

import (
	"context"
	"io"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// writeLock is held by the write in progress. The library has a lock of its
// own behind it, which never has to wait but for its own control frames: so
// that who waits, and for whom, is known here.
type writeLock struct {
	held     chan struct{}
	releaser oteltrace.SpanContext // the write that released it last; written by its holder
}

// lock waits for the lock, and reports whether it has it. It gives up when ctx
// or the connection ends: the library then says what is to be said.
func (l *writeLock) lock(ctx context.Context, op *trace.Op, done <-chan struct{}) bool {
	select {
	case l.held <- struct{}{}:
		return true
	default:
	}
	op.Block(trace.ReasonWriteLock)
	select {
	case l.held <- struct{}{}:
		op.Wake(trace.WakeUnlocked, trace.CausedBy(l.releaser))
		return true
	case <-ctx.Done():
		op.Wake(trace.WakeCanceled)
	case <-done:
		op.Wake(trace.WakeClosed)
	}
	return false
}

func (l *writeLock) unlock(by oteltrace.SpanContext) {
	l.releaser = by
	<-l.held
}

// Write is the write of one message.
type Write struct {
	s    *Session
	op   *trace.Op
	held bool
}

// BeginWrite begins the write of a message, of the library's message type,
// and waits until no other is being written. [Write.End] must follow.
func (s *Session) BeginWrite(ctx context.Context, messageType int) Write {
	if s.off {
		return Write{}
	}
	w := Write{s: s, op: s.start(ctx, trace.SpanWrite, transmit, messageTypeAttr(messageType))}
	if w.held = s.writing.lock(ctx, w.op, s.done); w.held {
		s.mu.Lock()
		s.out.writer, s.out.message = w.op, message{}
		s.mu.Unlock()
	}
	return w
}

// End ends the write of a message of size bytes, or one that failed. Only the
// first call counts.
func (w *Write) End(size int64, err error) {
	if w.s == nil {
		return
	}
	s := w.s
	w.s = nil
	var attrs []attribute.KeyValue
	if w.held {
		s.mu.Lock()
		s.out.writer = nil
		if err == nil {
			s.out.index++
		}
		if w.op != nil {
			attrs = s.out.message.attributes(size, s.out.index, err)
		}
		s.mu.Unlock()
		s.writing.unlock(w.op.SpanContext())
	}
	s.end(w.op, err, attrs...)
}

// Writer ends the write with the message that is written to wc, the library's
// writer: at Close, or at the first error.
func (w *Write) Writer(wc io.WriteCloser) io.WriteCloser {
	if w.s == nil {
		return wc
	}
	m := &messageWriter{wc: wc, write: *w}
	w.s.mu.Lock()
	w.s.out.stream = m
	w.s.mu.Unlock()
	return m
}

type messageWriter struct {
	wc    io.WriteCloser
	write Write
	size  int64
}

func (m *messageWriter) Write(p []byte) (int, error) {
	n, err := m.wc.Write(p)
	m.size += int64(n)
	if err != nil {
		m.write.End(m.size, err)
	}
	return n, err
}

func (m *messageWriter) Close() error {
	err := m.wc.Close()
	m.write.End(m.size, err)
	return err
}
