package session

import (
	"sync/atomic"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// outbound is this side's direction.
type outbound struct {
	scan    frame.Scanner
	control control
	message message // in progress, or the last one
	count   int     // of the messages that left
	writer  call    // the write that is in the library
	ping    *Ping   // whose frame is the next
	pings   []*Ping // whose pong has not come
	answers bool    // a control frame is being written
	closes  bool    // with the first close frame

	stream atomic.Pointer[messageWriter] // open

	// pong is the answer that is being written, ponged that its frame is
	// complete. They belong to whoever writes.
	pong   *trace.Op
	ponged bool
}

// leaving scans what is about to be written, and returns whose it is, nil for
// nobody's.
func (s *Session) leaving(p []byte) *trace.Op {
	s.mu.Lock()
	op, answer := s.sending(p)
	ctx := s.in.reader.context()
	s.mu.Unlock()
	if !answer {
		return op
	}
	if s.out.pong == nil {
		s.out.pong = s.start(ctx, trace.SpanPong)
	}
	return s.out.pong
}

// sending scans p. It returns the operation whose frame p ends with, or that
// it is the library's answer to a ping.
func (s *Session) sending(p []byte) (op *trace.Op, answer bool) {
	out := &s.out
	op = out.writer.op
	for len(p) > 0 {
		g, n := out.scan.Next(p)
		p = p[n:]
		if g.Stop { // by a message type that does not exist
			s.unscannable(op, &out.scan)
		}
		if out.scan.Err() != nil {
			return out.writer.op, false
		}
		out.answers = g.Header.Opcode.IsControl()
		if !out.answers {
			// A stream's frame that waited in the library's buffer is written
			// by another goroutine: then nobody is inside with a write.
			op, answer = out.writer.op, false
			out.add(g)
			continue
		}
		payload, complete := out.control.add(g)
		answer = g.Header.Opcode == frame.Pong
		switch g.Header.Opcode {
		case frame.Ping:
			op = s.pinged(payload, complete)
		case frame.Pong:
			op, out.ponged = nil, complete
		case frame.Close:
			if op = s.closing.op; op == nil {
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

// left is called when the bytes that leaving announced have been written.
func (s *Session) left(err error) {
	s.mu.Lock()
	s.closing.failed(err)
	s.pingSent()
	if err != nil && s.out.closes {
		s.closing.unsend()
	}
	s.out.answers, s.out.closes = false, false
	s.mu.Unlock()
	if s.out.pong != nil && (s.out.ponged || err != nil) {
		s.end(s.out.pong, err)
		s.out.pong = nil
	}
}
