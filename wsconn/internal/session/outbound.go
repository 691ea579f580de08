package session

import (
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// outbound is the state of the sending direction.
type outbound struct {
	scan       frame.Scanner
	payload    controlPayload
	message    message // in progress, or the last one
	count      int     // sent messages
	metered    int     // those of count that are in the metrics
	writer     call    // the write that is inside the library
	writerType frame.Opcode
	holder     Write // has the write lock; not of a light connection
	runs       runs
	rival      rivalWrite // a write that began beside holder; see [Library.ConcurrentWriters]
	failure    failure
	control    *Control   // its frame is being sent
	controls   []*Control // inside the library
	numbered   int64      // the highest number of a ping
	answers    bool       // a control frame is being sent
	closes     bool       // the first close frame is being sent

	// sending means that a frame is being sent, with the library's lock held. last is the
	// operation that sends it, or that sent the last one; lastSpan is that operation's
	// span once it has ended.
	sending  bool
	last     trace.Op
	lastSpan oteltrace.SpanContext
	promise  *core.Promise // of the current write; nil: not needed
	awaited  bool          // an operation has waited for the library's lock

	stream atomic.Pointer[messageWriter] // open
	mark   mark                          // in the bytes being sent
	pongs  pongs
}

// beginSend scans p, which is about to be sent, and returns the operation that sends
// it; the zero Op if none is known. An operation that waited for the library's lock has
// it now.
func (s *Session) beginSend(p []byte) trace.Op {
	s.mu.Lock()
	op, answer := s.scanSent(p)
	waited := s.enterLight()
	var before sender
	if s.out.awaited || !s.in.answering.IsZero() {
		before = s.out.lastSender()
	}
	switch m := &s.out.mark; {
	case m.set && m.op == op:
		s.out.noteSender(op, m.pong.Write)
	case op.Valid() || s.out.last.Valid():
		s.out.noteSender(op, op.SpanContext())
	default:
		s.out.sending = true
	}
	faulty := s.faulty.Valid()
	if !s.out.answers && !s.out.awaited && waited == nil {
		s.mu.Unlock()
		if faulty {
			s.reportFault()
		}
		return op
	}
	reader, since := s.in.reader, s.in.answering
	if s.out.answers {
		s.in.answering = time.Time{}
	}
	s.mu.Unlock()

	if waited != nil {
		waited()
	}
	if faulty {
		s.reportFault()
	}
	if s.out.answers && !since.IsZero() {
		showBlocks(reader.op)
		reader.op.Block(semconv.ReasonWriteLock, trace.At(since), sourceTimed)
		before.wake(reader.op)
		s.measureAnswer(reader, since)
	}
	if answer {
		op = s.pong(reader.context())
		s.mu.Lock()
		s.out.noteSender(op, op.SpanContext())
		s.mu.Unlock()
	}
	before.wake(op)
	return op
}

// awaitLock notes that op enters the library to send a frame. If another frame is being
// sent, op waits for the library's lock until its own frame is sent. The caller holds
// s.mu.
func (s *Session) awaitLock(op trace.Op) {
	if !s.out.sending || !s.out.answers && s.lib.ConcurrentWriters {
		return
	}
	switch {
	case op.Valid():
		s.out.awaited = true
		op.Block(semconv.ReasonWriteLock)
	case s.light != nil:
		s.light.waits = time.Now()
	}
}

// lastSender returns the operation that sends a frame, or that sent the last one.
func (out *outbound) lastSender() sender {
	if sc := out.last.SpanContext(); sc.IsValid() {
		return sender{span: sc}
	}
	if out.last.Valid() && out.last == out.writer.op && out.promise == nil {
		out.promise = core.Ref(out.last).Promise()
	}
	return sender{out.lastSpan, out.promise}
}

// promiseOf removes and returns the promise of the span of the write op, which is about
// to end. It makes one if that is needed. The caller keeps the promise.
func (out *outbound) promiseOf(op trace.Op, needed bool) (p *core.Promise) {
	p, out.promise = out.promise, nil
	if p == nil && needed {
		p = core.Ref(op).Promise()
	}
	return p
}

// noteSender notes that op, the zero Op if none is known, sends a frame. sc is its span.
func (out *outbound) noteSender(op trace.Op, sc oteltrace.SpanContext) {
	out.sending, out.last, out.lastSpan = true, op, sc
}

// keepSpan notes the span of op, which is about to end. The span may have begun only now.
func (out *outbound) keepSpan(op trace.Op) {
	if op.Valid() && out.last == op {
		out.lastSpan = op.SpanContext()
	}
}

// scanSent scans p. It returns the operation whose frame p ends with. answer: the frame
// is the library's own answer to a ping.
func (s *Session) scanSent(p []byte) (op trace.Op, answer bool) {
	out := &s.out
	if out.mark.set {
		out.mark = mark{}
	}
	op = out.writer.op
	for whole := len(p); len(p) > 0; {
		at := whole - len(p)
		g, n := out.scan.Next(p)
		p = p[n:]
		if g.Stop { // the message type does not exist
			s.noteFault(op, out.scan.Err())
		}
		if out.scan.Err() != nil {
			out.message = message{}
			return out.writer.op, false
		}
		out.answers = g.Header.Opcode.IsControl()
		if !out.answers {
			// A frame of a Writer that was left in the library's buffer may be sent by
			// another goroutine. Then no write is inside.
			op, answer = out.writer.op, false
			if g.Begin && g.Header.Opcode != frame.Continuation {
				s.markBegin(at)
			}
			out.add(&g)
			continue
		}
		payload, complete := out.payload.add(&g)
		opcode := g.Header.Opcode
		own := out.controlOf(&g.Header, payload, complete)
		if complete {
			out.noteSeen(own, opcode, payload)
		}
		answer, op = false, trace.Op{}
		byWriter := out.writer.inside() && out.writerType == opcode
		switch {
		case own != nil:
			op = own.op
		case byWriter:
			op = out.writer.op
		case opcode == frame.Pong:
			answer, out.pongs.whole = true, complete
		case opcode == frame.Close:
			if op = s.closing.op; !op.Valid() {
				op = s.in.reader.op // the library's own: an error, or the answer
			}
		}
		if complete && opcode == frame.Close {
			out.closes = s.closing.noteSent(payload, s.in.reader.op, own != nil || byWriter)
		}
	}
	return op, answer
}

// add counts the part of a data frame that is in g.
func (out *outbound) add(g *frame.Segment) {
	if g.Begin && g.Header.Opcode != frame.Continuation {
		out.message = message{}
	}
	out.message.add(g)
	if g.End && g.Header.Fin {
		out.count++
		out.message.index = out.count
	}
}

// endSend is called when n bytes of what beginSend scanned have been sent.
func (s *Session) endSend(n int, err error) {
	s.mu.Lock()
	s.live.sent += int64(n)
	s.closing.noteError(err)
	s.noteControlSent(err)
	if err != nil {
		if s.lib.FailsForGood {
			s.out.noteFailure()
		}
		if s.out.closes {
			s.closing.forgetSent()
		}
	}
	s.out.answers, s.out.closes, s.out.sending = false, false, false
	s.endPong(err)
	s.countSent(n, err)
	s.mu.Unlock()
}
