package chain

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Passed is a message or a control frame in the history of a connection that was not
// sampled. docs/telemetry.md has the format.
type Passed struct {
	Kind string        // text, binary, ping, pong, close
	Size int64         // bytes of payload in its frames
	More bool          // it had more than Size
	At   time.Duration // since the span began, negative if before; of a `stalled`, since its block began
	Gap  time.Duration // since the previous one; 0 for the first
	Like int           // how many equal ones passed at that time, including this one
}

// maxHistory is how many entries of a history are read.
const maxHistory = 256

// History returns what passed last on the span's connection, in each direction, the oldest
// first. Both are nil if the span has no history. Entries that cannot be parsed are left
// out.
func (s *Span) History() (received, sent []Passed) {
	return parseHistory(s.Str(semconv.WebSocketHistoryReceiveKey)), parseHistory(s.Str(semconv.WebSocketHistoryTransmitKey))
}

func parseHistory(text string) (all []Passed) {
	for word := range strings.SplitSeq(text, " ") {
		if p, ok := parsePassed(word); ok {
			all = append(all, p)
		}
		if len(all) == maxHistory {
			break
		}
	}
	return all
}

// parsePassed parses KIND:SIZE@WHEN+GAPxN.
func parsePassed(word string) (p Passed, ok bool) {
	p.Like = 1
	kind, rest, ok1 := strings.Cut(word, ":")
	size, rest, ok2 := strings.Cut(rest, "@")
	if !ok1 || !ok2 || kind == "" {
		return p, false
	}
	p.Kind = kind
	size, p.More = strings.CutPrefix(size, ">")
	var err error
	if p.Size, err = strconv.ParseInt(size, 10, 64); err != nil || p.Size < 0 {
		return p, false
	}
	if before, n, found := strings.Cut(rest, "x"); found {
		if p.Like, err = strconv.Atoi(n); err != nil || p.Like < 1 {
			return p, false
		}
		rest = before
	}
	when, gap, found := strings.Cut(rest, "+")
	if found {
		if p.Gap, ok = parseSeconds(gap); !ok || p.Gap < 0 {
			return p, false
		}
	}
	p.At, ok = parseSeconds(when)
	return p, ok
}

func parseSeconds(text string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e9 {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}

// Away returns for how long nobody asked this end of the connection for bytes: while the
// span, a `history`, lasted. known is false for every other span, and for a history without
// that time.
func (s *Span) Away() (d time.Duration, known bool) {
	if _, ok := s.Attr(semconv.WebSocketReaderAwayKey); !ok || s.Name != semconv.SpanHistory {
		return 0, false
	}
	return s.Seconds(semconv.WebSocketReaderAwayKey), true
}

// history adds what passed last, and whether nobody was reading.
func (d *details) history(s *Span) {
	if _, known := s.Away(); known {
		d.add("not reading")
	}
	received, sent := s.History()
	for _, side := range []struct {
		verb string
		all  []Passed
	}{{"received ", received}, {"sent ", sent}} {
		if n := len(side.all); n > 0 {
			last := side.all[n-1]
			d.add(side.verb + d.cut(last.Kind) + " " + text.Bytes(float64(last.Size)) + " " + when(last.At))
		}
	}
}

// when returns when something passed, relative to the beginning of a span.
func when(at time.Duration) string {
	if at < 0 {
		return text.Duration(-at, "") + " before"
	}
	return text.Duration(at, "") + " after"
}
