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
	Trace                 // a trace pong, in Pong; it is gone
	Malformed             // a pong that begins as one and is none; it is gone
	Stop                  // scanning stopped; see [Stream.Err]
)

// Event is what a [Stream] came upon.
type Event struct {
	Kind    Kind
	Segment frame.Segment
	Payload []byte // unmasked; valid until the next event
	Pong    Pong
}

// MaxHeld is the most bytes, of a pong that may become a trace pong, that a
// [Stream] holds back: a header, and a magic but for its last byte.
const MaxHeld = 14 + len(magic) - 1

// Stream is what comes from the peer, frame by frame, without the trace pongs. The
// caller hands it each chunk and asks for the events in it:
//
//	n := read(buf[s.Held():])
//	s.Begin(buf[:s.Held()+n])
//	for s.Next(&e) {
//		…
//	}
//	p := buf[:s.End()] // for the library
//
// The first bytes of a pong that may still become a trace pong are held back until the
// next chunk decides; buf has room for them at its front. Everything else stays as it
// is and where it is in the stream, including what no endpoint may accept: the library
// judges that. The zero Stream takes nothing off.
type Stream struct {
	On     bool // trace pongs are taken off
	Masked bool // the peer is a client, and masks

	scan    frame.Scanner
	control []byte // the payload so far of the control frame in progress; many connections see none
	pong    verdict
	held    [MaxHeld]byte
	holds   int

	buf      []byte
	at, kept int // in buf: what was scanned, and what stays
}

// verdict is on the pong in progress.
type verdict uint8

const (
	stays verdict = iota // and so does what is no pong
	open
	goes
)

// Held returns how many bytes are held back.
func (s *Stream) Held() int { return s.holds }

// Between reports whether no frame is in progress: the next byte begins one.
func (s *Stream) Between() bool {
	_, inside := s.scan.Current()
	return !inside && s.holds == 0 && s.scan.Err() == nil
}

// Err returns why scanning stopped, nil while it did not. From there on
// everything stays.
func (s *Stream) Err() error { return s.scan.Err() }

// Begin begins a chunk: what follows in buf after Held bytes.
func (s *Stream) Begin(buf []byte) {
	s.buf, s.at, s.kept = buf, s.holds, 0
	if s.holds == 0 {
		return
	}
	// Where the frame stays it stays whole, in its place.
	copy(buf, s.held[:s.holds])
}

// Next goes on to the next event, e. It is false at the end of the chunk.
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
			if s.pong == goes {
				s.parse(e)
			}
			return true
		}
	}
	return false
}

// parse makes of a pong that goes what it is.
func (s *Stream) parse(e *Event) {
	e.Kind = Malformed
	if p, ok := parse(e.Payload); ok {
		e.Kind, e.Pong = Trace, p
	}
}

// next passes n bytes of a control frame, the first of which is first, and reports
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
	case goes:
		s.holds = 0
		s.at += n
	}
	return g.End
}

// judge decides whether the pong in progress is a trace pong, as soon as its bytes show
// it.
func (s *Stream) judge(g *frame.Segment) {
	begun := min(len(s.control), len(magic))
	switch {
	case g.Header.Size == 0: // half a header
	case g.Header.Masked != s.Masked, g.Header.Length < int64(len(magic)),
		string(s.control[:begun]) != magic[:begun]:
		s.pong = stays
	case begun == len(magic):
		s.pong = goes
	}
}

// keep lets the next n bytes stay, behind those that were held back.
func (s *Stream) keep(n int) {
	s.kept += s.holds // they are in their place
	s.holds = 0
	if s.kept != s.at {
		copy(s.buf[s.kept:], s.buf[s.at:s.at+n])
	}
	s.at += n
	s.kept += n
}

// End ends the chunk, and returns how many bytes at its front are to be handed
// on.
func (s *Stream) End() int { return s.kept }

// Release is End for the last chunk, before an error: what is held back is
// handed on with it.
func (s *Stream) Release() int {
	if s.holds > 0 {
		s.kept += copy(s.buf[s.kept:], s.held[:s.holds])
		s.holds, s.pong = 0, stays
	}
	return s.kept
}
