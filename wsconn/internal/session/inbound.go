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

// inbound is the state of the receiving direction.
type inbound struct {
	frames       tracepong.Stream
	origin       oteltrace.SpanContext // the peer's write of the next message to begin
	ignored      int                   // trace pongs
	message      message               // in progress
	count        int                   // received messages
	metered      int                   // those of count that are in the metrics
	meteredPongs int                   // those of ignored that are in the metrics
	reader       call                  // the read that is inside the library
	runs         runs
	polling      int   // goroutines that read the wire
	bytes        int64 // received, without trace pongs

	// unread are the received messages, from first on, that the program's reads have
	// not returned yet: at most what fits into a buffer of the library. taken counts
	// the bytes of the first of them, or else of the message in progress, that partial
	// reads have returned.
	unread []message
	first  int
	taken  int64

	stream atomic.Pointer[messageReader] // open

	// answering is the time when a frame was received that the library answers, if another
	// frame was being sent at that time; zero: no answer waits.
	answering time.Time
}

// endMessage ends the message in progress.
func (in *inbound) endMessage() {
	in.count++
	in.message.index = in.count
	if in.reader.inside() && !in.message.left {
		in.unread = append(in.unread, in.message)
	} else { // the library discards it, or the program bypasses the session
		in.taken = 0
	}
	in.message = message{}
}

// peek returns the message that the program is reading; the zero message if it is
// incomplete or not known.
func (in *inbound) peek() message {
	if in.first == len(in.unread) {
		return message{}
	}
	return in.unread[in.first]
}

// leave notes that the program's read of the message ends. If more of it is to come, the
// library discards that during the next read.
func (in *inbound) leave() {
	if in.peek().index == 0 && in.message.frames > 0 {
		in.message.left = true
	}
}

// next removes and returns the message that the program has read.
func (in *inbound) next() message {
	m := in.peek()
	in.drop()
	return m
}

// drop removes the message that the program has read.
func (in *inbound) drop() {
	in.first = min(in.first+1, len(in.unread))
	in.forget(len(in.unread) - in.first)
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

// take counts n bytes that a partial read has returned, and returns the peer's write of
// their message. The end of a compressed message is not known, so it returns none for a
// message behind one.
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

// beginReceive is called when the library asks for bytes. It returns the operation that
// receives them: a read, or else a close, which reads until the peer's close frame.
// [Session.endReceive] must follow.
//
// The library asks only when its buffer is empty. So the program's reads will not
// return the messages that are still unread. Only during a close can the first unread
// message belong to a read that is just returning on another goroutine.
func (s *Session) beginReceive() trace.Op {
	s.mu.Lock()
	if s.in.answering.IsZero() {
		op := s.enterReceive()
		s.mu.Unlock()
		return op
	}
	gaveUp := s.takeStarved()
	s.in.answering = time.Time{}
	op := s.enterReceive()
	s.mu.Unlock()
	s.reportStarved(gaveUp, false)
	return op
}

// enterReceive is beginReceive without an answer that the library gave up. The caller
// holds s.mu.
func (s *Session) enterReceive() trace.Op {
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
		return s.in.reader.op
	case s.closing.ctx != nil: // CloseRead's goroutine
		return trace.Op{}
	default:
		return s.closing.op
	}
}

// endReceive scans buf, which was received for op and begins with the bytes that were
// held back. It returns how many bytes at the front of buf are for the library. op was
// woken by the peer's write of the first message or trace pong.
func (s *Session) endReceive(op trace.Op, buf []byte, err error) (n int) {
	n, first, faulty, ignored := s.scan(buf, err)
	s.countIgnored(ignored)
	if op.Valid() {
		op.WokenBy(first)
	}
	if faulty {
		s.reportFault()
	}
	return n
}

// scan is endReceive without the reports. It also returns the peer's write that woke
// the operation, whether there is a fault to report, and how many trace pongs to count
// as ignored.
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

// receive notes what was received, and returns the peer's write that sent it, if known.
func (s *Session) receive(e *tracepong.Event) (by oteltrace.SpanContext) {
	in, g := &s.in, &e.Segment
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

// toAnswer reports whether the library answers a frame of this type.
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

// reportFault reports what noteFault noted.
func (s *Session) reportFault() {
	s.mu.Lock()
	op, attr := s.faulty, s.fault
	s.faulty = trace.Op{}
	s.mu.Unlock()
	if op.Valid() {
		op.SetAttributes(attr)
	}
}
