package wstest

import (
	"math/rand/v2"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// event is what happens to an end at some time, and the operation behind it. The
// zero event does not happen.
type event struct {
	at time.Time
	by oteltrace.SpanContext
}

func (e event) happened(now time.Time) bool { return passed(e.at, now) }

// stream is one direction of a connection, under the link's lock.
type stream struct {
	unread  []segment // in their order
	fin     event     // the end, as the reader learns of it
	credits []credit  // on their way to the writer

	room   int    // that the writer knows of
	roomBy credit // the first since there was none

	busy bool                  // a Write is in progress
	last oteltrace.SpanContext // the one before it

	// Once left more bytes were written, if they are limited, the connection is cut.
	limited, cut bool
	left         int

	chunked       bool
	pieces, parts *rand.Rand // sizes, of what is written and of what is read
}

// segment is what was written at once.
type segment struct {
	p []byte
	event
}

// credit is room that a read made.
type credit struct {
	n int
	event

	arrived, read time.Time // the first byte of what was read, and by the reader
}

func newStream(c *config, direction uint64) *stream {
	return &stream{
		room: c.window, chunked: c.chunked,
		pieces: rand.New(rand.NewPCG(c.seed, 2*direction)),
		parts:  rand.New(rand.NewPCG(c.seed, 2*direction+1)),
	}
}

// size is at most n and, of chunks, small.
func (s *stream) size(r *rand.Rand, n int) int {
	if !s.chunked {
		return n
	}
	return min(n, 1+r.IntN(1<<r.IntN(11)))
}

// put writes what there is room for, or a piece of it.
func (s *stream) put(p []byte, arrives time.Time, by oteltrace.SpanContext) int {
	n := s.size(s.pieces, len(p)) // of all that is to be written: the room depends on who runs first
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

// take reads what has arrived, or of chunks a part of the first, and sends the
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

// next is the arrival of the first unread byte, the zero event if there is none.
func (s *stream) next() event {
	if len(s.unread) == 0 {
		return event{}
	}
	return s.unread[0].event
}

// finish ends the stream; the first end counts.
func (s *stream) finish(e event) {
	if s.fin.at.IsZero() {
		s.fin = e
	}
}

// opened gives the writer the room that it has learnt of.
func (s *stream) opened(now time.Time) {
	for len(s.credits) > 0 && s.credits[0].happened(now) {
		if s.room == 0 {
			s.roomBy = s.credits[0]
		}
		s.room += s.credits[0].n
		s.credits = s.credits[1:]
	}
}

// opening is when the writer learns of room, the zero time if there is none.
func (s *stream) opening() time.Time {
	if len(s.credits) == 0 {
		return time.Time{}
	}
	return s.credits[0].at
}

// Why a window was full.
var (
	fullPeer    = netpoll.Attributes{semconv.BlockCauseKey.String(string(semconv.CausePeerWindow))}
	fullNetwork = netpoll.Attributes{semconv.BlockCauseKey.String(string(semconv.CauseNetwork))}
)

// cause is why a write was blocked since then until it learnt of the credit.
func (c credit) cause(since time.Time) netpoll.Attributes {
	return cause(since, c.at, c.arrived, c.read)
}

// cause is why a write has been blocked since then, until now.
func (s *stream) cause(since, now time.Time) netpoll.Attributes {
	if len(s.credits) > 0 { // it was read, which the writer has not learnt
		return cause(since, now, s.credits[0].arrived, s.credits[0].read)
	}
	return cause(since, now, s.next().at, now)
}

// cause weighs a block by how long of it the other end had a byte that it did not
// read: from its arrival, which is zero if there is none, to its read.
func cause(since, until, arrived, read time.Time) netpoll.Attributes {
	if arrived.IsZero() || 2*read.Sub(latest(arrived, since)) < until.Sub(since) {
		return fullNetwork
	}
	return fullPeer
}
