package traceevent

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// layout is where each span is drawn.
type layout struct {
	start     time.Time
	processes []string
	tracks    []*track // the i-th has the number i+1
	slices    []slice  // in the order of time
	place     map[*chain.Span]int
}

// open is the end of a slice that has not ended.
const open = time.Duration(math.MaxInt64)

type slice struct {
	span     *chain.Span
	name     string
	from, to time.Duration
	pid, tid int
	still    bool // it is a block that still lasts; span is its `stalled`
}

// track is a goroutine or, if spans overlap, a part of one.
type track struct {
	pid  int
	name string
	ends []time.Duration // of the open slices, from the outermost
}

// goroutine identifies the owner of tracks.
type goroutine struct {
	process string
	run     *chain.Span // the goroutine's span; nil: not known
	id      int64       // if run is nil: the runtime's number, if the spans have it
	root    *chain.Span // if neither is known: the top of its tree in the process
}

func arrange(c *chain.Chain) *layout {
	l := &layout{start: c.Start(), place: make(map[*chain.Span]int, c.Len())}
	for _, s := range c.Spans {
		if since, ok := s.StillBlocked(); ok && since.Before(l.start) {
			l.start = since
		}
	}
	owner := owners(c)
	for _, s := range c.Spans {
		if s.Start.IsZero() {
			continue // its start is not known
		}
		sl := slice{span: s, name: s.Name, from: s.Start.Sub(l.start), to: open}
		if !s.End.IsZero() {
			sl.to = max(s.End.Sub(l.start), sl.from)
		}
		l.slices = append(l.slices, sl)
		if since, ok := s.StillBlocked(); ok {
			l.slices = append(l.slices, slice{span: s, name: stillName(s), from: since.Sub(l.start), to: open, still: true})
		}
	}
	// Of slices that begin at the same time, the longest is outermost. Of equal ones it is
	// the parent, which comes first in the chain.
	slices.SortStableFunc(l.slices, func(a, b slice) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(a.span.Seq, b.span.Seq))
	})
	pids := make(map[string]int)
	lanes := make(map[goroutine][]int)
	for i := range l.slices {
		s := &l.slices[i]
		of := owner[s.span.Seq]
		pid, ok := pids[of.process]
		if !ok {
			l.processes = append(l.processes, cmp.Or(text.Printable(of.process), "unnamed process"))
			pid = len(l.processes)
			pids[of.process] = pid
		}
		s.pid = pid
		s.tid = l.lane(s, of, lanes)
		if !s.still {
			l.place[s.span] = i
		}
	}
	return l
}

// stillName returns the name of a block that has no span yet, with its operation if known.
func stillName(s *chain.Span) string {
	if op := s.Str(semconv.StalledOperationKey); op != "" {
		return semconv.SpanBlock + " (" + op + ")"
	}
	return semconv.SpanBlock
}

// lane returns the first track of the goroutine in which the slice is inside all open
// slices. It adds one if there is none.
func (l *layout) lane(s *slice, of goroutine, lanes map[goroutine][]int) int {
	for _, tid := range lanes[of] {
		if l.tracks[tid-1].take(s) {
			return tid
		}
	}
	name := of.name()
	if n := len(lanes[of]); n > 0 {
		name = fmt.Sprintf("%s (%d)", name, n+1)
	}
	t := &track{pid: s.pid, name: text.Printable(name)}
	t.take(s)
	l.tracks = append(l.tracks, t)
	tid := len(l.tracks)
	lanes[of] = append(lanes[of], tid)
	return tid
}

// take reports whether the slice nests in the open ones. If so, it opens the slice.
func (t *track) take(s *slice) bool {
	for len(t.ends) > 0 && t.ends[len(t.ends)-1] <= s.from {
		t.ends = t.ends[:len(t.ends)-1]
	}
	if n := len(t.ends); n > 0 && t.ends[n-1] < s.to {
		return false
	}
	t.ends = append(t.ends, s.to)
	return true
}

func (g goroutine) name() string {
	switch {
	case g.run != nil:
		name := g.run.GoroutineName()
		if id := g.run.Int(semconv.GoroutineIDKey); id > 0 {
			name += fmt.Sprintf(" (goroutine %d)", id)
		}
		return name
	case g.id > 0:
		return fmt.Sprintf("goroutine %d", g.id)
	default:
		return g.root.Name
	}
}

// owners returns the goroutine of each span, by Seq.
func owners(c *chain.Chain) []goroutine {
	all := make([]goroutine, c.Len())
	for _, s := range c.Spans { // parents first
		own := goroutine{process: s.Process()}
		up := s.Parent
		launch := s.IsGoroutine()
		switch {
		case launch:
			own.run = s
		case up != nil && up.IsGoroutine() && up.Process() == own.process:
			own.run = up
		case up != nil && all[up.Seq].process == own.process:
			own = all[up.Seq]
		case s.StartedOn != 0:
			own.id = s.StartedOn
		case !launch && s.Int(semconv.GoroutineIDKey) > 0:
			own.id = s.Int(semconv.GoroutineIDKey)
		default:
			own.root = s
		}
		// A span may have begun on another goroutine than its parent's.
		if id := s.Int(semconv.GoroutineIDKey); !launch && id > 0 && own.run != nil && own.run.Int(semconv.GoroutineIDKey) > 0 && own.run.Int(semconv.GoroutineIDKey) != id {
			own = goroutine{process: own.process, id: id}
		}
		all[s.Seq] = own
	}
	return all
}
