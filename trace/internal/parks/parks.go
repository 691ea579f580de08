// Package parks reads from the runtime's execution trace where goroutines
// parked. It is the oracle of tests: block spans are checked against it.
package parks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sort"
	"time"

	rtrace "runtime/trace"

	exptrace "golang.org/x/exp/trace"
)

// Park is one stay of a goroutine in the runtime's state Waiting, and its way
// back. Start <= Ready <= Run.
type Park struct {
	Reason string    // the runtime's: "network", "chan receive", "sync", ...
	Start  time.Time // Running -> Waiting
	Ready  time.Time // Waiting -> Runnable
	Run    time.Time // Runnable -> Running; what lies between is starvation
	By     int64     // the goroutine that made it ready; 0: none, as the poller or a timer
}

// Trace is what the runtime traced during a Record. It is immutable.
type Trace struct {
	// Error is the most that the times in it may be off against time.Now: the
	// trace's clock is another one, and the two were read one after the other.
	Error time.Duration

	parks   map[int64][]Park
	starved map[int64][]Park
}

// Record runs f under the execution tracer, and returns the parks that began
// and ended meanwhile. It is an error if the tracer runs already, as under go
// test -trace: there is one in a process. There is no garbage collection
// meanwhile, for which any goroutine may park anywhere.
func Record(f func()) (*Trace, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		return nil, fmt.Errorf("parks: %w", err)
	}
	anchors := []anchor{drop()}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(anchorEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				anchors = append(anchors, drop())
			}
		}
	}()
	f()
	close(stop)
	<-stopped
	anchors = append(anchors, drop())
	rtrace.Stop()
	return read(&buf, anchors)
}

// Parks returns the parks of a goroutine in their order.
func (t *Trace) Parks(goroutine int64) []Park { return t.parks[goroutine] }

// Starved returns the times in which a goroutine was ready and lost its processor, in
// their order.
func (t *Trace) Starved(goroutine int64) []Park { return t.starved[goroutine] }

// category is that of the log messages which tie the two clocks together.
const category = "github.com/wakechain/wakechain/trace/internal/parks"

// anchorEvery is the time between two of them. The runtime takes the rate of the trace's
// clock anew about once a second, for a part of the trace (a generation): on a busy
// machine it is off by a thousandth now and then, and the next part begins with a step.
const anchorEvery = 5 * time.Millisecond

// anchor is an event whose time is known on both clocks.
type anchor struct {
	name          string
	before, after time.Time // read around it
	trace         instant
}

func (a anchor) time() time.Time { return a.before.Add(a.width() / 2) }

func (a anchor) width() time.Duration { return a.after.Sub(a.before) }

// drop logs some events, and returns the one that is known best: others may
// have been interrupted.
func drop() (best anchor) {
	for i := range 10 {
		a := anchor{name: fmt.Sprint(time.Now().UnixNano(), " ", i)}
		a.before = time.Now()
		rtrace.Log(context.Background(), category, a.name)
		a.after = time.Now()
		if i == 0 || a.width() < best.width() {
			best = a
		}
	}
	return best
}

// instant is a time on the trace's clock, in a generation.
type instant struct {
	at         exptrace.Time
	generation int
}

// clocks ties the trace's clock to time.Now.
type clocks struct {
	anchors map[int][]anchor // of each generation, in order
	worst   time.Duration    // width of those
}

// rough returns how far an anchor is, at the most, from where its neighbours say it is.
func (c *clocks) rough() (worst time.Duration) {
	for _, all := range c.anchors {
		for i := 1; i+1 < len(all); i++ {
			off := between(all[i-1], all[i+1], all[i].trace.at).Sub(all[i].time())
			worst = max(worst, off.Abs())
		}
	}
	return worst
}

// between returns when t was, on the line through two anchors.
func between(x, y anchor, t exptrace.Time) time.Time {
	if x.trace.at == y.trace.at {
		return x.time()
	}
	rate := float64(y.time().Sub(x.time())) / float64(y.trace.at-x.trace.at)
	return x.time().Add(time.Duration(rate * float64(t-x.trace.at)))
}

// maxWidth is that of an anchor which is of use.
const maxWidth = 50 * time.Microsecond

func (c *clocks) add(a anchor) {
	if a.width() > maxWidth {
		return
	}
	c.anchors[a.trace.generation] = append(c.anchors[a.trace.generation], a)
	c.worst = max(c.worst, a.width())
}

// time returns when t was, by the two anchors of its generation that are next to it; ok
// is false if the generation has no two.
func (c *clocks) time(t instant) (_ time.Time, ok bool) {
	all := c.anchors[t.generation]
	if len(all) < 2 {
		return time.Time{}, false
	}
	i := sort.Search(len(all), func(i int) bool { return all[i].trace.at >= t.at })
	if i == 0 || i == len(all) { // the rate of the whole generation is known best
		return between(all[0], all[len(all)-1], t.at), true
	}
	return between(all[i-1], all[i], t.at), true
}

// stay is a Park on the trace's clock.
type stay struct {
	reason            string
	start, ready, run instant
	by                int64
	starved           bool // it was never waiting
}

func read(r io.Reader, anchors []anchor) (*Trace, error) {
	reader, err := exptrace.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("parks: %w", err)
	}
	open := map[int64]*stay{} // not running again yet
	stays := map[int64][]stay{}
	named := make(map[string]anchor, len(anchors))
	for _, a := range anchors {
		named[a.name] = a
	}
	tied := clocks{anchors: map[int][]anchor{}}
	generation := 0
	for {
		ev, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parks: %w", err)
		}
		now := instant{ev.Time(), generation}
		switch ev.Kind() {
		case exptrace.EventSync:
			generation++
		case exptrace.EventLog:
			l := ev.Log()
			if a, ok := named[l.Message]; ok && l.Category == category {
				a.trace = now
				tied.add(a)
			}
		case exptrace.EventStateTransition:
			tr := ev.StateTransition()
			if tr.Resource.Kind != exptrace.ResourceGoroutine {
				continue
			}
			g := int64(tr.Resource.Goroutine())
			from, to := tr.Goroutine()
			s := open[g]
			switch {
			case from.Executing() && to == exptrace.GoWaiting:
				open[g] = &stay{reason: tr.Reason, start: now}
			case from.Executing() && to == exptrace.GoRunnable:
				open[g] = &stay{reason: tr.Reason, start: now, ready: now, starved: true}
			case s == nil:
			case from == exptrace.GoWaiting && to == exptrace.GoRunnable:
				s.ready = now
				s.by = max(int64(ev.Goroutine()), 0)
			case to.Executing():
				if s.run = now; s.ready.at == 0 {
					s.ready = s.run
				}
				stays[g] = append(stays[g], *s)
				delete(open, g)
			}
		}
	}
	if len(tied.anchors) == 0 {
		return nil, errors.New("parks: the trace lacks the events that tie its clock to time.Now")
	}
	// The width of an anchor, how far they are from one line, and what the clocks of two
	// processors may be apart: ten microseconds were seen on a virtual machine.
	t := &Trace{Error: tied.worst + tied.rough() + 50*time.Microsecond, parks: map[int64][]Park{}, starved: map[int64][]Park{}}
	for g, stays := range stays {
		for _, s := range stays {
			into := t.parks
			if s.starved {
				into = t.starved
			}
			start, ok1 := tied.time(s.start)
			ready, ok2 := tied.time(s.ready)
			run, ok3 := tied.time(s.run)
			if ok1 && ok2 && ok3 {
				into[g] = append(into[g], Park{s.reason, start, ready, run, s.by})
			}
		}
	}
	return t, nil
}

// Span is a time that a goroutine spent in an operation or in a block, as its spans
// say.
type Span struct {
	Goroutine  int64
	Start, End time.Time
}

// Check compares blocks, which claim to be parks for a reason, with what the goroutines
// did. It returns what cannot be true, a line each:
//
//   - a park that is only partly in a block: a block begins before the goroutine
//     parks and ends when it runs again;
//   - a park for another reason in a block;
//   - a park for the reason inside an operation and in no block, unless it is shorter
//     than Error.
//
// This is about order alone, so that it holds on a machine however busy. Off
// says, for each block, how much of it is no park and no starvation: the
// goroutine ran, as far as the runtime knows. The operating system may have
// taken its thread away meanwhile, so that single values say little.
func (t *Trace) Check(reason string, ops, blocks []Span) (faults []string, off []time.Duration) {
	spans := map[int64][]Span{}
	for _, b := range blocks {
		spans[b.Goroutine] = append(spans[b.Goroutine], b)
		rest := b.End.Sub(b.Start)
		for _, p := range t.parks[b.Goroutine] {
			if !t.overlap(p, b) {
				continue
			}
			switch {
			case t.before(p.Start, b.Start), t.before(b.End, p.Run):
				faults = append(faults, fmt.Sprintf("goroutine %d: the park for %s from 0 to %v is partly in the block from %v to %v",
					b.Goroutine, p.Reason, p.Run.Sub(p.Start), b.Start.Sub(p.Start), b.End.Sub(p.Start)))
			case p.Reason != reason:
				faults = append(faults, fmt.Sprintf("goroutine %d: a park for %s, not %s, of %v in the block of %v",
					b.Goroutine, p.Reason, reason, p.Run.Sub(p.Start), b.End.Sub(b.Start)))
			}
			rest -= p.Run.Sub(p.Start)
		}
		off = append(off, rest)
	}
	for _, op := range ops {
		for _, p := range t.parks[op.Goroutine] {
			if p.Reason != reason || !t.before(op.Start, p.Start) || !t.before(p.Run, op.End) {
				continue
			}
			if !t.before(p.Start, p.Run) {
				continue // the trace's reader moves what seems to come before its cause: it may be anywhere
			}
			if !t.covered(p, spans[op.Goroutine]) {
				faults = append(faults, fmt.Sprintf("goroutine %d: the park for %s of %v, %v after the operation's start, is in no block",
					op.Goroutine, p.Reason, p.Run.Sub(p.Start), p.Start.Sub(op.Start)))
			}
		}
	}
	sort.Strings(faults)
	return faults, off
}

// before reports whether a is before b beyond doubt.
func (t *Trace) before(a, b time.Time) bool { return b.Sub(a) > t.Error }

func (t *Trace) overlap(p Park, b Span) bool {
	return t.before(b.Start, p.Run) && t.before(p.Start, b.End)
}

// covered reports whether one of the blocks is, or may be, of the park.
func (t *Trace) covered(p Park, blocks []Span) bool {
	for _, b := range blocks {
		if t.overlap(p, b) || !t.before(p.Start, b.Start) && !t.before(b.End, p.Run) {
			return true
		}
	}
	return false
}
