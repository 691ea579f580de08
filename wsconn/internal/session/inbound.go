package session

import (
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// inbound is the peer's direction.
type inbound struct {
	scan    frame.Scanner
	control control
	message message // in progress
	count   int     // of the messages that arrived
	metered int     // of these
	reader  call    // the read that is in the library

	// unread are the messages, from first on, that arrived whole for the reads
	// of the program and were not returned yet: what one buffer of the library
	// holds, at the most.
	unread []message
	first  int

	stream atomic.Pointer[messageReader] // open

	// answering is since when the library has to answer a frame while another
	// one is being written.
	answering time.Time
}

// arrived ends the message in progress.
func (in *inbound) arrived() {
	in.count++
	in.message.index = in.count
	if in.reader.inside() { // else the library discards it, or somebody went past us
		in.unread = append(in.unread, in.message)
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
	in.unread = in.unread[:min(len(in.unread), in.first+n)]
	if in.first == len(in.unread) {
		in.unread, in.first = in.unread[:0], 0
	}
}

// reading is called when the library wants bytes. It returns the operation
// that reads: a read, or else a close, which reads until the peer's close frame.
//
// The library asks only when it has used up what it has. So whatever is unread
// still went past the program's reads; but during a close, which another
// goroutine may read for, the first can belong to a read that is returning.
func (s *Session) reading() *trace.Op {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.answering = time.Time{}
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
		return nil
	default:
		return s.closing.op
	}
}

// arrived scans what came from the peer.
func (s *Session) arrived(p []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.failed(err)
	in := &s.in
	for len(p) > 0 {
		g, n := in.scan.Next(p)
		p = p[n:]
		switch {
		case g.Stop:
			s.unscannable(in.reader.op, &in.scan)
		case in.scan.Err() != nil:
		case !g.Header.Opcode.IsControl():
			in.message.add(g)
			if g.End && g.Header.Fin {
				in.arrived()
			}
		default:
			payload, complete := in.control.add(g)
			if !complete {
				break
			}
			if s.out.writing && s.toAnswer(g.Header.Opcode) {
				in.answering = time.Now()
			}
			switch g.Header.Opcode {
			case frame.Pong:
				s.out.answered(payload, in.reader.op.SpanContext())
			case frame.Close:
				s.closing.receive(payload)
			}
		}
	}
}

// toAnswer reports whether the library answers a frame.
func (s *Session) toAnswer(o frame.Opcode) bool {
	return o == frame.Ping || o == frame.Close && !s.closing.sent.seen()
}

// unscannable says once that frames are no longer told: on op or, where that
// records nothing, on the close.
func (s *Session) unscannable(op *trace.Op, scan *frame.Scanner) {
	attr := trace.WebSocketFrameErrorKey.String(scan.Err().Error())
	if op != nil {
		op.SetAttributes(attr)
		return
	}
	s.closing.attrs = append(s.closing.attrs, attr)
}
