package session

import (
	"cmp"
	"context"
	"io"
	"net"
	"sync/atomic"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Write is the write of one message.
type Write struct {
	s *Session
	call
	typ  int  // of the message
	held bool // its turn
}

// BeginWrite begins the write of a message, of the library's message type,
// and waits until no other is being written. [Write.End] or [Write.Writer]
// must follow.
func (s *Session) BeginWrite(ctx context.Context, messageType int) Write {
	if s.off {
		return Write{}
	}
	w := Write{s: s, call: call{ctx, s.startMessage(ctx, semconv.SpanWrite)}, typ: messageType}
	s.mu.Lock()
	if w.held = s.writing.take(); w.held {
		s.enterWrite(w.call)
	}
	s.mu.Unlock()
	if !w.held && s.writing.wait(ctx, w.op, s.done) {
		w.held = true
		s.goesOn(w.call)
	}
	return w
}

// goesOn is enterWrite for who does not hold s.mu.
func (s *Session) goesOn(c call) {
	s.mu.Lock()
	s.enterWrite(c)
	s.mu.Unlock()
}

// enterWrite says that the program enters the library with the write c, and
// enterWrite(call{}) that it has left. The caller holds s.mu.
func (s *Session) enterWrite(c call) {
	s.out.writer = c
	s.out.waits(c.op)
}

// End ends the write of a message of size bytes, or one that failed.
func (w *Write) End(size int64, err error) {
	w.end(size, err)
}

func (w *Write) end(size int64, err error) {
	if w.s == nil {
		return
	}
	s := w.s
	var m message
	if w.held {
		s.mu.Lock()
		s.out.writer = call{}
		if err == nil {
			m = s.out.message
			s.out.over(w.op)
		}
		s.writing.pass(w.call)
		s.mu.Unlock()
	}
	s.meter.wrote(w.call, size, err)
	switch {
	case !w.op.Valid():
	case !s.recorded:
		s.end(w.op, err)
	case err == nil:
		m.endWith(w.op, transmitted, w.typ, s.id, size)
	default:
		s.end(w.op, err, m.attributes(transmit, w.typ, s.id, size)...)
	}
	s.live.wrote(w.op, err)
}

// Writer returns a writer of the message for the program. It ends the write at
// Close, at the first error, or with the connection.
func (w *Write) Writer(wc io.WriteCloser) io.WriteCloser {
	if w.s == nil {
		return wc
	}
	m := &messageWriter{wc: wc, write: *w}
	w.s.goesOn(call{})
	w.s.out.stream.Store(m)
	return m
}

type messageWriter struct {
	wc    io.WriteCloser
	write Write
	size  atomic.Int64
	calls atomic.Int32 // in progress
	over  atomic.Bool
}

func (m *messageWriter) Write(p []byte) (int, error) {
	m.enter()
	n, err := m.wc.Write(p)
	m.size.Add(int64(n))
	m.leave(err != nil, err)
	return n, err
}

func (m *messageWriter) Close() error {
	m.enter()
	err := m.wc.Close()
	m.leave(true, err)
	return err
}

func (m *messageWriter) enter() {
	m.calls.Add(1)
	if !m.over.Load() {
		m.write.s.goesOn(m.write.call)
	}
}

func (m *messageWriter) leave(over bool, err error) {
	switch {
	case over:
		m.end(err)
	case !m.over.Load():
		m.write.s.goesOn(call{})
		m.write.op.Wake(semconv.WakeUnlocked) // with what it wrote still in the library's buffer
	}
	m.calls.Add(-1)
}

// end ends the write, once.
func (m *messageWriter) end(err error) {
	if !m.over.Swap(true) {
		m.write.s.out.stream.CompareAndSwap(m, nil)
		m.write.end(m.size.Load(), err)
	}
}

// closed ends the write with the connection, unless the program is inside the
// library with it and will be told by that.
func (m *messageWriter) closed() {
	if m != nil && m.calls.Load() == 0 {
		m.end(cmp.Or(m.write.expired(), net.ErrClosed))
	}
}
