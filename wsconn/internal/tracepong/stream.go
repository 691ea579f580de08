package tracepong

import (
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Kind is what an [Event] is.
type Kind uint8

// Kinds of events.
const (
	Data      Kind = iota // a part of a data frame, in Segment
	Control               // the end of a control frame: Segment has its header, Payload all of its payload
	Trace                 // a trace pong, in Pong; it is removed
	Malformed             // a pong that begins like one and is none; it is removed
	Stop                  // scanning stopped; see [Stream.Err]
)

// Event is what a [Stream] found.
type Event struct {
	Kind    Kind
	Segment frame.Segment
	Payload []byte // unmasked; valid until the next event
	Pong    Pong
}

// MaxHeld is the maximum number of bytes that a [Stream] holds back of a possible trace
// pong: a header, and the magic without its last byte.
const MaxHeld = 14 + len(magic) - 1

// Stream scans the bytes from the peer, and removes the trace pongs. The caller passes each
// chunk, and gets the events in it:
//
//	n := read(buf[s.Held():])
//	s.Begin(buf[:s.Held()+n])
//	for s.Next(&e) {
//		…
//	}
//	p := buf[:s.End()] // for the library
//
// The first bytes of a pong that may be a trace pong are held back until the next chunk
// decides, and are at the front of that chunk's buf. Everything else stays unchanged in its
// place, including frames that no endpoint may accept: the library decides about those. The
// zero Stream removes nothing.
type Stream struct {
	On     bool // remove trace pongs
	Masked bool // the peer is a client, and masks

	scan    frame.Scanner
	control []byte // the payload so far of the control frame in progress; nil before the first one
	pong    verdict
	held    [MaxHeld]byte
	holds   int // bytes of held

	buf      []byte
	at, kept int // bytes of buf that were scanned, and that stay
}

// verdict is the decision about the control frame in progress.
type verdict uint8

const (
	stays   verdict = iota
	open            // not decided yet
	removed         // it is a trace pong, or malformed
)

// Held returns how many bytes are held back.
func (s *Stream) Held() int { return s.holds }

// Between reports whether no frame is in progress: the next byte begins one.
func (s *Stream) Between() bool {
	_, inside := s.scan.Current()
	return !inside && s.holds == 0 && s.scan.Err() == nil
}

// Err returns why scanning has stopped; nil: it has not. Then everything stays.
func (s *Stream) Err() error { return s.scan.Err() }

// Begin begins a chunk: the bytes of buf after the first Held, where it restores those that
// were held back.
func (s *Stream) Begin(buf []byte) {
	s.buf, s.at, s.kept = buf, s.holds, 0
	copy(buf, s.held[:s.holds])
}

// Next stores the next event in e. It returns false at the end of the chunk.
func (s *Stream) Next(e *Event) bool {
	for s.at < len(s.buf) {
		p := s.buf[s.at:]
		g, n := s.scan.Next(p)
		switch {
		case g.Stop:
			s.keep(n)
			e.Kind, e.Segment = Stop, g
			return true
		case s.scan.Err() != nil:
			s.keep(n)
		case !g.Header.Opcode.IsControl():
			s.keep(n)
			e.Kind, e.Segment = Data, g
			return true
		case s.next(&g, p[0], n):
			e.Kind, e.Segment, e.Payload = Control, g, s.control
			if s.pong == removed {
				s.parse(e)
			}
			return true
		}
	}
	return false
}

// parse decodes a pong that is removed.
func (s *Stream) parse(e *Event) {
	e.Kind = Malformed
	if p, ok := parse(e.Payload); ok {
		e.Kind, e.Pong = Trace, p
	}
}

// next handles the next n bytes of a control frame, which begin with first, and reports
// whether the frame ends.
func (s *Stream) next(g *frame.Segment, first byte, n int) bool {
	if g.Begin {
		s.control, s.pong = s.control[:0], stays
		if s.On && first == firstByte {
			s.pong = open
		}
	}
	s.control = g.AppendPayload(s.control)
	if s.pong == open {
		s.judge(g)
	}
	switch s.pong {
	case open:
		s.holds += copy(s.held[s.holds:], s.buf[s.at:s.at+n])
		s.at += n
	case stays:
		s.keep(n)
	case removed:
		s.holds = 0
		s.at += n
	}
	return g.End
}

// judge decides, as soon as possible, whether the pong in progress is removed.
func (s *Stream) judge(g *frame.Segment) {
	begun := min(len(s.control), len(magic))
	switch {
	case g.Header.Size == 0: // half a header
	case g.Header.Masked != s.Masked, g.Header.Length < int64(len(magic)),
		string(s.control[:begun]) != magic[:begun]:
		s.pong = stays
	case begun == len(magic):
		s.pong = removed
	}
}

// keep keeps the next n bytes, behind those that were held back.
func (s *Stream) keep(n int) {
	s.kept += s.holds // Begin has put them there
	s.holds = 0
	if s.kept != s.at {
		copy(s.buf[s.kept:], s.buf[s.at:s.at+n])
	}
	s.at += n
	s.kept += n
}

// End ends the chunk, and returns how many bytes at its front are for the library.
func (s *Stream) End() int { return s.kept }

// Release is End for the last chunk, before an error: it includes the bytes that were held
// back.
func (s *Stream) Release() int {
	if s.holds > 0 {
		s.kept += copy(s.buf[s.kept:], s.held[:s.holds])
		s.holds, s.pong = 0, stays
	}
	return s.kept
}
