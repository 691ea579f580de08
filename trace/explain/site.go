package explain

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// place is a place in the program where something waits: the reason, and the function and
// line.
type place struct {
	reason semconv.Reason
	code   string
}

// code returns the place in the program of a span, or "" if it is unknown.
func code(sp *chain.Span) string { return plain(sp.Site()) }

// at describes an operation with its place: "sleep at (*cache).fill:35".
func at(op *chain.Span) string {
	if where := code(op); where != "" {
		return plain(op.Name) + " at " + where
	}
	return plain(op.Name)
}

// owed are the reasons of waits that another goroutine ends and that delay work. Receives
// are not included, because a receiver may just be idle.
var owed = map[semconv.Reason]bool{
	semconv.ReasonLock: true, semconv.ReasonWriteLock: true, semconv.ReasonChanSend: true, semconv.ReasonSemaphore: true,
	semconv.ReasonWaitGroup: true, semconv.ReasonCond: true, semconv.ReasonFuture: true,
}

// agent is a goroutine, by its number in its process.
type agent struct {
	process string
	id      int64
}

func agentOf(sp *chain.Span, id int64) agent { return agent{sp.Process(), id} }

// runsOf returns the operations with a place of each goroutine with a number, in order.
func runsOf(spans []*chain.Span) map[agent][]*chain.Span {
	runs := make(map[agent][]*chain.Span)
	for _, sp := range spans {
		if id := sp.Int(semconv.GoroutineIDKey); id > 0 && code(sp) != "" && !sp.IsGoroutine() {
			a := agentOf(sp, id)
			runs[a] = append(runs[a], sp)
		}
	}
	for _, ops := range runs {
		slices.SortStableFunc(ops, func(a, b *chain.Span) int { return a.Start.Compare(b.Start) })
	}
	return runs
}

// siteWaits are the waits at one place.
type siteWaits struct {
	repeated
	place  place
	blocks []*block
	who    map[agent]bool
	ended  tally[int]           // which goroutine ended them, and where
	doing  tally[time.Duration] // what those goroutines did meanwhile
	known  time.Duration        // total of the waits that were examined, minus the waker's own waits here
}

// tally sums numbers by their description.
type tally[N int | time.Duration] map[string]N

// most returns the description with the largest sum, or "" if there is none.
func (t tally[N]) most() (what string, n N) {
	for k, v := range t {
		if v > n || v == n && (what == "" || k < what) {
			what, n = k, v
		}
	}
	return what, n
}

// maxLooks limits how many operations are examined to find what other goroutines did.
const maxLooks = 1_000_000

// waitsAtSites finds the places in the program where goroutines waited longest for others,
// which goroutines ended these waits, and what they did meanwhile. It is for execution
// traces, whose operations have the number of their goroutine.
func waitsAtSites(s *scene) []Finding {
	places := newGroups[place, siteWaits]()
	for _, b := range s.blocks {
		if b.op == nil || !owed[b.reason()] || b.End.IsZero() || code(b.op) == "" || b.op.Int(semconv.GoroutineIDKey) == 0 {
			continue
		}
		p := place{b.reason(), code(b.op)}
		w := places.of(p)
		w.place = p
		w.add(b)
		w.blocks = append(w.blocks, b)
	}
	var found []Finding
	var runs map[agent][]*chain.Span
	steps, hidden := maxLooks, leftOut(s.spans)
	for _, w := range places.all {
		if w.total < noticeable {
			continue
		}
		if runs == nil {
			runs = runsOf(s.spans)
		}
		w.look(runs, &steps)
		f := w.finding(s)
		if hidden {
			f.Text += " Waits that were left out of the trace are not counted."
		}
		found = append(found, f)
		for _, b := range w.blocks {
			s.report(b.Span)
		}
	}
	return found
}

// leftOut reports whether blocks of any goroutine were left out, according to its spans.
func leftOut(spans []*chain.Span) bool {
	return slices.ContainsFunc(spans, func(sp *chain.Span) bool {
		return sp.Int(semconv.GoroutineIDKey) > 0 && sp.Int(semconv.SpansSuppressedKey) > 0
	})
}

// look finds which goroutines ended the waits, and what they did meanwhile. It begins with
// the longest waits, and examines no more operations when steps is used up.
func (w *siteWaits) look(runs map[agent][]*chain.Span, steps *int) {
	w.who, w.ended, w.doing = make(map[agent]bool), tally[int]{}, tally[time.Duration]{}
	longest := slices.Clone(w.blocks)
	slices.SortStableFunc(longest, func(a, b *block) int { return cmp.Compare(b.Duration(), a.Duration()) })
	for _, b := range longest {
		w.who[agentOf(b.op, b.op.Int(semconv.GoroutineIDKey))] = true
		if b.wake == nil {
			continue
		}
		id := b.wake.Int(semconv.WakeGoroutineIDKey)
		if id == 0 {
			continue
		}
		by := plain(b.wake.Str(semconv.WakeGoroutineNameKey))
		if where := code(b.wake); where != "" {
			by += " in " + where
		}
		w.ended[by]++
		ops := runs[agentOf(b.wake, id)]
		i, _ := slices.BinarySearchFunc(ops, b.Start, func(op *chain.Span, at time.Time) int {
			return cmp.Or(op.Start.Compare(at), -1)
		})
		if *steps <= 0 {
			continue
		}
		known := b.Duration()
		for i = max(i-1, 0); i < len(ops) && ops[i].Start.Before(b.End); i++ {
			*steps--
			switch d := within(ops[i], b.Start, b.End); {
			case d <= 0:
			case ops[i].Name == b.op.Name && code(ops[i]) == w.place.code: // the goroutine was waiting for its own turn
				known -= d
			default:
				w.doing[at(ops[i])] += d
			}
		}
		w.known = chain.Sum(w.known, max(known, 0))
	}
}

// within returns how long a span was in progress between two times; 0 or less if it was
// not.
func within(sp *chain.Span, from, to time.Time) time.Duration {
	if sp.Start.After(from) {
		from = sp.Start
	}
	if !sp.End.IsZero() && sp.End.Before(to) {
		to = sp.End
	}
	return to.Sub(from)
}

func (w *siteWaits) finding(s *scene) Finding {
	b := w.longest
	f := w.repeated.finding(s)
	f.Rule, f.Severity = SiteWaits, graded(b.Duration())
	if r := w.place.reason; r == semconv.ReasonWaitGroup || r == semconv.ReasonCond || r == semconv.ReasonFuture {
		f.Severity = Info // the wait may be intended
	} else if w.total >= long && f.Severity == Info {
		f.Severity = Warning
	}
	by := ""
	if n := len(w.who); n > 1 {
		by = " by " + text.Counted(n, "goroutine")
	}
	f.Headline = headline(plain(b.op.Name)+" at %s: "+text.Counted(w.count, "time")+by+", "+duration(w.total)+" in all", w.place.code)
	said := "The longest was " + duration(b.Duration()) + ", at " + offset(b.Start.Sub(s.start)) + "."
	if who, n := w.ended.most(); who != "" {
		said += " " + endedWaits(who, n, w.count)
	}
	if what, d := w.doing.most(); what != "" && 10*d >= w.known {
		said += " Meanwhile that goroutine was in " + what
		if w.count > 1 {
			said += ", for " + duration(d) + " of the " + duration(w.known) + " in which it did not wait here itself"
		} else {
			said += " for " + duration(d)
		}
		said += "."
	}
	f.Text = said
	f.Advice = "Look at what is done between taking it and releasing it: hold it for less time, share less, or let more goroutines through."
	if w.place.reason == semconv.ReasonChanSend {
		f.Advice = "Look at what the receiver does between two values: it should receive as fast as is sent, or there should be more receivers."
	}
	return f
}
