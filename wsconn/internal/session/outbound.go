package session

import (
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// outbound is this side's direction.
type outbound struct {
	scan    frame.Scanner
	control control
	message message // in progress, or the last one
	count   int     // of the messages that left
	metered int     // of these
	writer  call    // the write that is in the library
	ping    *Ping   // whose frame is being written
	pings   []*Ping // in the library, in the order of their numbers
	// numbered is the highest number of a ping.
	numbered int64
	answers  bool // a control frame is being written
	closes   bool // with the first close frame

	// writing is that a frame is on its way, and the library's lock is held;
	// last is whose it is, or was, and lastSpan its span once it has ended.
	writing  bool
	last     trace.Op
	lastSpan oteltrace.SpanContext
	waited   bool // for the lock, somebody, ever

	stream atomic.Pointer[messageWriter] // open
	mark   mark                          // in what is leaving

	// pong is the answer that is being written, ponged that its frame is
	// complete. They belong to whoever writes.
	pong   trace.Op
	ponged bool
}

// leaving scans what is about to be written, and returns whose it is, nil for
// nobody's. Whoever waited for the library's lock has it now.
func (s *Session) leaving(p []byte) trace.Op {
	s.mu.Lock()
	op, answer := s.sending(p)
	before := s.out.before()
	s.out.begins(op)
	faulty := s.faulty.Valid()
	if !s.out.answers && !s.out.waited {
		s.mu.Unlock()
		if faulty {
			s.sayFault()
		}
		return op
	}
	reader, since := s.in.reader, s.in.answering
	if s.out.answers {
		s.in.answering = time.Time{}
	}
	s.mu.Unlock()

	if faulty {
		s.sayFault()
	}
	if s.out.answers && !since.IsZero() {
		stalled(reader.op)
		reader.op.Block(semconv.ReasonWriteLock, trace.At(since), sourceTimed)
		reader.op.Wake(semconv.WakeUnlocked, trace.CausedBy(before))
	}
	if answer {
		if !s.out.pong.Valid() {
			s.out.pong = s.start(reader.context(), semconv.SpanPong)
		}
		op = s.out.pong
		s.mu.Lock()
		s.out.begins(op)
		s.mu.Unlock()
	}
	op.Wake(semconv.WakeUnlocked, trace.CausedBy(before))
	return op
}

// waits says that op enters the library to write a frame: where another one is
// being written it waits for the library's lock, until its own frame leaves.
func (out *outbound) waits(op trace.Op) {
	if out.writing && op.Valid() {
		out.waited = true
		op.Block(semconv.ReasonWriteLock)
	}
}

// before is the span whose frame is being written, or was last.
func (out *outbound) before() oteltrace.SpanContext {
	if sc := out.last.SpanContext(); sc.IsValid() {
		return sc
	}
	return out.lastSpan
}

// begins notes that a frame of op's is on its way, nil for nobody's.
func (out *outbound) begins(op trace.Op) {
	out.writing, out.last, out.lastSpan = true, op, op.SpanContext()
}

// over notes that op is about to end: it may have a span by now.
func (out *outbound) over(op trace.Op) {
	if op.Valid() && out.last == op {
		out.lastSpan = op.SpanContext()
	}
}

// sending scans p. It returns the operation whose frame p ends with, or that
// it is the library's answer to a ping.
func (s *Session) sending(p []byte) (op trace.Op, answer bool) {
	out := &s.out
	out.mark = mark{}
	op = out.writer.op
	for whole := len(p); len(p) > 0; {
		at := whole - len(p)
		g, n := out.scan.Next(p)
		p = p[n:]
		if g.Stop { // by a message type that does not exist
			s.unscannable(op, out.scan.Err())
		}
		if out.scan.Err() != nil {
			out.message = message{}
			return out.writer.op, false
		}
		out.answers = g.Header.Opcode.IsControl()
		if !out.answers {
			// A stream's frame that waited in the library's buffer is written
			// by another goroutine: then nobody is inside with a write.
			op, answer = out.writer.op, false
			if g.Begin && g.Header.Opcode != frame.Continuation {
				s.markBegin(at)
			}
			out.add(g)
			continue
		}
		payload, complete := out.control.add(g)
		answer = g.Header.Opcode == frame.Pong
		switch g.Header.Opcode {
		case frame.Ping:
			op = s.pinged(payload, complete)
		case frame.Pong:
			op, out.ponged = trace.Op{}, complete
		case frame.Close:
			if op = s.closing.op; !op.Valid() {
				op = s.in.reader.op // the library's own, over an error or as the answer
			}
			if complete {
				out.closes = s.closing.send(payload, s.in.reader.op)
			}
		}
	}
	return op, answer
}

// add counts the part of a data frame that is in g.
func (out *outbound) add(g frame.Segment) {
	if g.Begin && g.Header.Opcode != frame.Continuation {
		out.message = message{}
	}
	out.message.add(g)
	if g.End && g.Header.Fin {
		out.count++
		out.message.index = out.count
	}
}

// left is called when n bytes of what leaving announced have been written.
func (s *Session) left(n int, err error) {
	s.mu.Lock()
	s.live.sent += int64(n)
	s.closing.failed(err)
	s.pingSent(err)
	if err != nil && s.out.closes {
		s.closing.unsend()
	}
	s.out.answers, s.out.closes, s.out.writing = false, false, false
	s.mu.Unlock()
	if s.out.pong.Valid() && (s.out.ponged || err != nil) {
		s.end(s.out.pong, err, s.id)
		s.out.pong = trace.Op{}
	}
}
