package wstest

import (
	"math/rand/v2"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// event is something that happens to an end at some time, and the operation that caused
// it. The zero event does not happen.
type event struct {
	at time.Time
	by oteltrace.SpanContext
}

func (e event) happened(now time.Time) bool { return passed(e.at, now) }

// stream is one direction of a connection. The link's lock guards it.
type stream struct {
	unread  []segment // in order
	fin     event     // the end, when the reader notices it
	credits []credit  // on their way to the writer

	room   int    // that the writer knows of, in bytes
	roomBy credit // the first credit since room was 0

	busy bool                  // a Write is in progress
	last oteltrace.SpanContext // the Write before it

	// If limited, the connection is cut once left more bytes were written.
	limited, cut bool
	left         int

	chunked       bool
	pieces, parts *rand.Rand // of the sizes of writes and of reads
}

// segment is the bytes of one put.
type segment struct {
	p []byte
	event
}

// credit is the room that a read made.
type credit struct {
	n int
	event

	arrived, read time.Time // when the first byte arrived, and when it was read
}

func newStream(c *config, direction uint64) *stream {
	return &stream{
		room: c.window, chunked: c.chunked,
		pieces: rand.New(rand.NewPCG(c.seed, 2*direction)),
		parts:  rand.New(rand.NewPCG(c.seed, 2*direction+1)),
	}
}

// size returns n or, with chunks, a small number up to n.
func (s *stream) size(r *rand.Rand, n int) int {
	if !s.chunked {
		return n
	}
	return min(n, 1+r.IntN(1<<r.IntN(11)))
}

// put writes as much as there is room for, or a piece of it.
func (s *stream) put(p []byte, arrives time.Time, by oteltrace.SpanContext) int {
	n := s.size(s.pieces, len(p)) // independent of the room, which depends on which goroutine runs first
	n = min(n, s.room)
	if s.limited {
		n = min(n, s.left)
		s.left -= n
		s.cut = s.left == 0
	}
	s.room -= n
	s.unread = append(s.unread, segment{append([]byte(nil), p[:n]...), event{arrives, by}})
	return n
}

// take reads what has arrived or, with chunks, a part of the first piece, and sends the
// writer the room.
func (s *stream) take(p []byte, now time.Time, latency time.Duration, by oteltrace.SpanContext) (n int) {
	first := s.unread[0].at
	p = p[:s.size(s.parts, len(p))]
	for n < len(p) && s.next().happened(now) {
		head := &s.unread[0]
		m := copy(p[n:], head.p)
		n += m
		if head.p = head.p[m:]; len(head.p) == 0 {
			s.unread = s.unread[1:]
		}
		if s.chunked {
			break
		}
	}
	s.credits = append(s.credits, credit{n, event{now.Add(latency), by}, first, now})
	return n
}

// next returns the arrival of the first unread byte; the zero event if there is none.
func (s *stream) next() event {
	if len(s.unread) == 0 {
		return event{}
	}
	return s.unread[0].event
}

// finish ends the stream; the first call counts.
func (s *stream) finish(e event) {
	if s.fin.at.IsZero() {
		s.fin = e
	}
}

// opened adds the credits that have reached the writer.
func (s *stream) opened(now time.Time) {
	for len(s.credits) > 0 && s.credits[0].happened(now) {
		if s.room == 0 {
			s.roomBy = s.credits[0]
		}
		s.room += s.credits[0].n
		s.credits = s.credits[1:]
	}
}

// opening returns when the next credit reaches the writer; zero if there is none.
func (s *stream) opening() time.Time {
	if len(s.credits) == 0 {
		return time.Time{}
	}
	return s.credits[0].at
}

// The attributes for the cause of a full window.
var (
	fullPeer    = netpoll.Attributes{semconv.BlockCauseKey.String(string(semconv.CausePeerWindow))}
	fullNetwork = netpoll.Attributes{semconv.BlockCauseKey.String(string(semconv.CauseNetwork))}
)

// cause returns why a write was blocked from since until the credit reached it.
func (c credit) cause(since time.Time) netpoll.Attributes {
	return cause(since, c.at, c.arrived, c.read)
}

// cause returns why a write has been blocked from since until now.
func (s *stream) cause(since, now time.Time) netpoll.Attributes {
	if len(s.credits) > 0 { // it was read, but the credit has not reached the writer
		return cause(since, now, s.credits[0].arrived, s.credits[0].read)
	}
	return cause(since, now, s.next().at, now)
}

// cause decides by how much of the block the other end had a byte that it did not read:
// from its arrival, which is zero if there is none, to its read.
func cause(since, until, arrived, read time.Time) netpoll.Attributes {
	if arrived.IsZero() || 2*read.Sub(latest(arrived, since)) < until.Sub(since) {
		return fullNetwork
	}
	return fullPeer
}
