package session

import (
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// inbound is the peer's direction.
type inbound struct {
	frames       tracepong.Stream
	origin       oteltrace.SpanContext // of the next message to begin
	ignored      int                   // trace pongs
	message      message               // in progress
	count        int                   // messages that were received
	metered      int                   // of these, in the metrics
	meteredPongs int                   // of the ignored, in the metrics
	reader       call                  // the read that the program is inside the library with
	runs         runs
	polling      int   // how many goroutines read the wire
	bytes        int64 // received, without trace pongs

	// unread are the messages, from first on, that were received whole for the
	// program's reads and are not returned yet: at the most what one buffer of the
	// library holds. taken are the bytes of the first of them, or else of the message
	// in progress, that reads of a part have returned.
	unread []message
	first  int
	taken  int64

	stream atomic.Pointer[messageReader] // open

	// answering is when a frame was received that the library answers, while another
	// frame was being sent.
	answering time.Time
}

// endMessage ends the message in progress.
func (in *inbound) endMessage() {
	in.count++
	in.message.index = in.count
	if in.reader.inside() {
		in.unread = append(in.unread, in.message)
	} else { // the library discards it, or the program reads past the session
		in.taken = 0
	}
	in.message = message{}
}

// peek returns the message that the program reads: the zero message while that is not
// received whole, or not known.
func (in *inbound) peek() message {
	if in.first == len(in.unread) {
		return message{}
	}
	return in.unread[in.first]
}

// next is peek for a message that the program has read.
func (in *inbound) next() message {
	m := in.peek()
	in.first = min(in.first+1, len(in.unread))
	in.forget(len(in.unread) - in.first)
	return m
}

// forget keeps the first n unread messages.
func (in *inbound) forget(n int) {
	if len(in.unread) > in.first && n == 0 {
		in.taken = 0
	}
	in.unread = in.unread[:min(len(in.unread), in.first+n)]
	if in.first == len(in.unread) {
		in.unread, in.first = in.unread[:0], 0
	}
}

// take takes the next n bytes that a read of a part has returned, and returns the
// peer's write of their message. Where a compressed message ends is not known, so it
// returns none for what was received behind one.
func (in *inbound) take(n int64) (from oteltrace.SpanContext) {
	if n == 0 {
		return from
	}
	for in.first < len(in.unread) {
		m := in.unread[in.first]
		switch {
		case !m.compressed && m.payload == in.taken:
			in.taken = 0
			in.next()
			continue
		case m.compressed && (in.first+1 < len(in.unread) || in.message.frames > 0):
			return from
		}
		in.taken += n
		return m.origin
	}
	in.taken += n
	return in.message.origin
}

// beginReceive is called when the library wants bytes. It returns the operation that
// reads them: a read, or else a close, which reads until the peer's close frame.
// [Session.endReceive] must follow.
//
// The library asks only when it has used up what it has. So the program's reads have
// missed whatever is still unread. Only during a close, for which another goroutine may
// read, the first unread message can belong to a read that is returning.
func (s *Session) beginReceive() trace.Op {
	op, gaveUp := s.enterReceive()
	s.reportStarved(gaveUp, false)
	return op
}

// enterReceive does this. It also returns an answer that the library has given up.
func (s *Session) enterReceive() (op trace.Op, gaveUp starved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gaveUp = s.takeStarved()
	s.in.answering = time.Time{}
	s.in.polling++
	if s.closing.byProgram {
		s.in.forget(1)
	} else {
		s.in.forget(0)
	}
	switch {
	case s.in.reader.inside():
		if s.in.message.frames > 0 {
			showBlocks(s.in.reader.op)
		}
		if s.light != nil {
			s.light.in.inside.Store(true)
		}
		return s.in.reader.op, gaveUp
	case s.closing.ctx != nil: // CloseRead's goroutine
		return trace.Op{}, gaveUp
	default:
		return s.closing.op, gaveUp
	}
}

// endReceive scans what was received for op: what follows in buf after the bytes that
// are held back. It returns how many bytes at the front of buf are the library's. op
// was woken by the peer's write whose message or trace pong is first.
func (s *Session) endReceive(op trace.Op, buf []byte, err error) (n int) {
	n, first, faulty, ignored := s.scan(buf, err)
	s.countIgnored(ignored)
	op.WokenBy(first)
	if faulty {
		s.reportFault()
	}
	return n
}

// scan does this. It also returns the peer's write that is first, and whether there is
// a fault to report.
func (s *Session) scan(buf []byte, err error) (n int, first oteltrace.SpanContext, faulty bool, ignored int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.noteError(err)
	in := &s.in
	in.polling--
	in.frames.Begin(buf)
	var e tracepong.Event
	for i := 0; in.frames.Next(&e); i++ {
		from := s.receive(&e)
		if i == 0 {
			first = from
		}
	}
	if err != nil {
		n = in.frames.Release()
	} else {
		n = in.frames.End()
	}
	in.bytes += int64(n)
	return n, first, s.faulty.Valid(), s.countReceived(n)
}

// receive notes what was received, and returns the peer's write that sent it, if that
// is known.
func (s *Session) receive(e *tracepong.Event) (by oteltrace.SpanContext) {
	in, g := &s.in, e.Segment
	switch e.Kind {
	case tracepong.Stop:
		s.noteFault(in.reader.op, in.frames.Err())
	case tracepong.Data:
		if g.Begin && g.Header.Opcode != frame.Continuation {
			in.message.origin, in.origin = in.origin, oteltrace.SpanContext{}
		}
		by = in.message.origin
		in.message.add(g)
		if g.End && g.Header.Fin {
			in.endMessage()
		}
	case tracepong.Trace:
		if in.noteTracePong(e.Pong) {
			by = e.Pong.Write
		}
	case tracepong.Malformed:
		in.ignored++
	case tracepong.Control:
		if s.out.sending && s.toAnswer(g.Header.Opcode) {
			in.answering = time.Now()
		}
		switch g.Header.Opcode {
		case frame.Pong:
			s.live.pong = time.Now()
			s.out.notePong(e.Payload, in.reader.op.SpanContext())
		case frame.Close:
			s.closing.noteReceived(e.Payload)
			if c := &s.closing; c.ctx != nil && closeErrorType(c.received.code) == "" {
				trace.Excuse(c.ctx)
			}
		}
	}
	return by
}

// toAnswer reports whether the library answers a frame.
func (s *Session) toAnswer(o frame.Opcode) bool {
	return o == frame.Ping || o == frame.Close && !s.closing.sent.seen()
}

// noteFault notes, once, why frames are no longer scanned. It is reported on op or, if
// op records nothing, on the close. The caller holds s.mu.
func (s *Session) noteFault(op trace.Op, err error) {
	attr := semconv.WebSocketFrameErrorKey.String(err.Error())
	if op.Valid() {
		s.faulty, s.fault = op, attr
		return
	}
	s.closing.attrs = append(s.closing.attrs, attr)
}

// reportFault reports what noteFault has noted.
func (s *Session) reportFault() {
	s.mu.Lock()
	op, attr := s.faulty, s.fault
	s.faulty = trace.Op{}
	s.mu.Unlock()
	if op.Valid() {
		op.SetAttributes(attr)
	}
}
