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
// sampled. Docs/telemetry.md has the format.
type Passed struct {
	Kind string        // text, binary, ping, pong, close
	Size int64         // bytes of payload in its frames
	More bool          // or more than Size
	At   time.Duration // since the span began, negative before it; of a `stalled`, since its block did
	Gap  time.Duration // since the one before it; 0 of the first
	Like int           // how many like it passed at that time, itself with them
}

// maxHistory is how many entries of a history are read.
const maxHistory = 256

// History returns what passed last on the span's connection, in each direction, the
// oldest first: nil where the span does not say. What cannot be read is left out.
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

// parsePassed reads KIND:SIZE@WHEN+GAPxN.
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

// Away returns for how long nobody asked this end of the connection for bytes: of a
// `history`, whose time that is. Where it does not say, known is false.
func (s *Span) Away() (d time.Duration, known bool) {
	if _, ok := s.Attr(semconv.WebSocketReaderAwayKey); !ok || s.Name != semconv.SpanHistory {
		return 0, false
	}
	return s.Seconds(semconv.WebSocketReaderAwayKey), true
}

// history says what passed, and that nobody read.
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

// when says when something passed: before or after the begin of a span.
func when(at time.Duration) string {
	if at < 0 {
		return text.Duration(-at, "") + " before"
	}
	return text.Duration(at, "") + " after"
}
