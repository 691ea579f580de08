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
	count        int                   // of the messages that arrived
	metered      int                   // of these
	meteredPongs int                   // of the ignored
	reader       call                  // the read that is in the library
	polling      int                   // how many read the wire
	bytes        int64                 // that came, without trace pongs

	// unread are the messages, from first on, that arrived whole for the reads
	// of the program and were not returned yet: what one buffer of the library
	// holds, at the most. taken are the bytes of the first of them, or else of the
	// message in progress, that reads of a part have returned.
	unread []message
	first  int
	taken  int64

	stream atomic.Pointer[messageReader] // open

	// answering is since when the library has to answer a frame while another
	// one is being written.
	answering time.Time
}

// arrived ends the message in progress.
func (in *inbound) arrived() {
	in.count++
	in.message.index = in.count
	if in.reader.inside() {
		in.unread = append(in.unread, in.message)
	} else { // the library discards it, or somebody went past us
		in.taken = 0
	}
	in.message = message{}
}

// peek returns the message that the program reads, the zero message where that
// has not arrived or is not known.
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

// take returns the peer's write of the message that n bytes are a part of, the
// next that were not taken. Where a compressed message ends is not known: of what
// arrived behind one, it returns none.
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

// reading is called when the library wants bytes. It returns the operation
// that reads: a read, or else a close, which reads until the peer's close frame.
//
// Until [Session.arrived] it is the caller's, who need not be the one who reads.
//
// The library asks only when it has used up what it has. So whatever is unread
// still went past the program's reads; but during a close, which another
// goroutine may read for, the first can belong to a read that is returning.
func (s *Session) reading() trace.Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.answering = time.Time{}
	s.in.polling++
	if s.closing.begun {
		s.in.forget(1)
	} else {
		s.in.forget(0)
	}
	switch {
	case s.in.reader.inside():
		if s.in.message.frames > 0 {
			stalled(s.in.reader.op)
		}
		return s.in.reader.op
	case s.closing.ctx != nil: // CloseRead's goroutine
		return trace.Op{}
	default:
		return s.closing.op
	}
}

// arrived scans what came from the peer for op: what of buf follows the bytes that
// are held back. It returns how many bytes at the front of buf are the library's.
// op was woken by the peer's write whose message or trace pong came first.
func (s *Session) arrived(op trace.Op, buf []byte, err error) (n int) {
	n, first, faulty := s.scan(buf, err)
	op.WokenBy(first)
	if faulty {
		s.sayFault()
	}
	return n
}

// scan returns besides what first brought bytes, and whether there is a fault to say.
func (s *Session) scan(buf []byte, err error) (n int, first oteltrace.SpanContext, faulty bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.failed(err)
	in := &s.in
	in.polling--
	in.frames.Begin(buf)
	var e tracepong.Event
	for i := 0; in.frames.Next(&e); i++ {
		from := s.came(&e)
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
	return n, first, s.faulty.Valid()
}

// came notes what came from the peer, and returns the write of its that sent it,
// if that is known.
func (s *Session) came(e *tracepong.Event) (by oteltrace.SpanContext) {
	in, g := &s.in, e.Segment
	switch e.Kind {
	case tracepong.Stop:
		s.unscannable(in.reader.op, in.frames.Err())
	case tracepong.Data:
		if g.Begin && g.Header.Opcode != frame.Continuation {
			in.message.origin, in.origin = in.origin, oteltrace.SpanContext{}
		}
		by = in.message.origin
		in.message.add(g)
		if g.End && g.Header.Fin {
			in.arrived()
		}
	case tracepong.Trace:
		if in.announced(e.Pong) {
			by = e.Pong.Write
		}
	case tracepong.Malformed:
		in.ignored++
	case tracepong.Control:
		if s.out.writing && s.toAnswer(g.Header.Opcode) {
			in.answering = time.Now()
		}
		switch g.Header.Opcode {
		case frame.Pong:
			s.live.pong = time.Now()
			s.out.answered(e.Payload, in.reader.op.SpanContext())
		case frame.Close:
			s.closing.receive(e.Payload)
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

// unscannable notes, once, that frames are no longer scanned: sayFault says so on op
// or, where that records nothing, the close does. The caller holds s.mu.
func (s *Session) unscannable(op trace.Op, err error) {
	attr := semconv.WebSocketFrameErrorKey.String(err.Error())
	if op.Valid() {
		s.faulty, s.fault = op, attr
		return
	}
	s.closing.attrs = append(s.closing.attrs, attr)
}

// sayFault says what unscannable has noted.
func (s *Session) sayFault() {
	s.mu.Lock()
	op, attr := s.faulty, s.fault
	s.faulty = trace.Op{}
	s.mu.Unlock()
	if op.Valid() {
		op.SetAttributes(attr)
	}
}
