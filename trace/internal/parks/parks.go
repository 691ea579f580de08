// Package parks finds in the runtime's execution trace when goroutines parked. Tests
// compare the spans of blocks with it.
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
	Run    time.Time // Runnable -> Running; it waits for a processor in between
	By     int64     // the goroutine that made it ready; 0: the poller or a timer did

	// Moved: one of the times is not known, only that it was no later. The trace's reader
	// moves an event that seems to precede its cause, and all others until the two are in
	// order again. That happens if the operating system takes a thread while the runtime
	// writes an event: more than a hundred milliseconds were seen.
	Moved bool
}

// Trace is the result of Record. It is immutable.
type Trace struct {
	// Error is the most by which its times may differ from time.Now: the trace has another
	// clock, and the two were read one after the other.
	Error time.Duration

	parks   map[int64][]Park
	starved map[int64][]Park
}

// Record runs f with the execution tracer, and returns the parks that began and ended
// meanwhile. It returns an error if the tracer is already running, as with go test -trace:
// a process has only one. It turns garbage collection off meanwhile, because any goroutine
// may park for it.
func Record(f func()) (*Trace, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		return nil, fmt.Errorf("parks: %w", err)
	}
	first := drop()
	f()
	last := drop()
	rtrace.Stop()
	return read(&buf, first, last)
}

// Parks returns the parks of a goroutine in their order.
func (t *Trace) Parks(goroutine int64) []Park { return t.parks[goroutine] }

// Starved returns the times in which a goroutine was ready but had lost its processor, in
// their order. Their Start and Ready are equal.
func (t *Trace) Starved(goroutine int64) []Park { return t.starved[goroutine] }

// Moved returns how many parks were Moved.
func (t *Trace) Moved() (n int) {
	for _, parks := range t.parks {
		for _, p := range parks {
			if p.Moved {
				n++
			}
		}
	}
	return n
}

// category is the category of the log messages that relate the two clocks.
const category = "github.com/wakechain/wakechain/trace/internal/parks"

// near is by how much the reader may move an event whose time still counts as known.
const near = 50 * time.Microsecond

// anchor is an event whose time is known on both clocks.
type anchor struct {
	name          string
	before, after time.Time     // read before and after it
	trace         exptrace.Time // 0: not known
}

func (a anchor) time() time.Time { return a.before.Add(a.width() / 2) }

func (a anchor) width() time.Duration { return a.after.Sub(a.before) }

// drop logs some events.
func drop() []anchor {
	anchors := make([]anchor, 100)
	for i := range anchors {
		a := &anchors[i]
		a.name = fmt.Sprint(time.Now().UnixNano(), " ", i)
		a.before = time.Now()
		rtrace.Log(context.Background(), category, a.name)
		a.after = time.Now()
	}
	return anchors
}

// best returns the anchor whose time is most exact: at others the goroutine may have been
// interrupted. Its trace is 0 if none is known.
func best(anchors []anchor) (b anchor) {
	for _, a := range anchors {
		if a.trace != 0 && (b.trace == 0 || a.width() < b.width()) {
			b = a
		}
	}
	return b
}

// stay is a Park on the trace's clock.
type stay struct {
	reason            string
	start, ready, run exptrace.Time
	by                int64
	starved           bool // it was never waiting
	moved             bool
}

func read(r io.Reader, begin, end []anchor) (*Trace, error) {
	reader, err := exptrace.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("parks: %w", err)
	}
	anchors := map[string]*anchor{}
	for _, dropped := range [][]anchor{begin, end} {
		for i := range dropped {
			anchors[dropped[i].name] = &dropped[i]
		}
	}
	open := map[int64]*stay{} // by goroutine: it is not running again yet
	stays := map[int64][]stay{}
	var before exptrace.Time                          // of the event before
	earliest := map[exptrace.ThreadID]exptrace.Time{} // that the last event of each thread can have been
	for {
		ev, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("parks: %w", err)
		}
		// The reader moves an event to one nanosecond after the one before. The runtime's clock
		// is coarser than that, so no other event is there. A moved event was not before the
		// last one of the same thread, whose clock runs in one direction.
		exact := ev.Time() != before+1
		before = ev.Time()
		if exact {
			earliest[ev.Thread()] = ev.Time()
		}
		moved := ev.Time()-earliest[ev.Thread()] > exptrace.Time(near)
		switch ev.Kind() {
		case exptrace.EventLog:
			if l := ev.Log(); l.Category == category && exact && anchors[l.Message] != nil {
				anchors[l.Message].trace = ev.Time()
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
				open[g] = &stay{reason: tr.Reason, start: ev.Time(), moved: moved}
			case from.Executing() && to == exptrace.GoRunnable:
				open[g] = &stay{reason: tr.Reason, start: ev.Time(), ready: ev.Time(), starved: true, moved: moved}
			case s == nil:
			case from == exptrace.GoWaiting && to == exptrace.GoRunnable:
				s.ready, s.moved = ev.Time(), s.moved || moved
				s.by = max(int64(ev.Goroutine()), 0)
			case to.Executing():
				if s.run, s.moved = ev.Time(), s.moved || moved; s.ready == 0 {
					s.ready = s.run
				}
				stays[g] = append(stays[g], *s)
				delete(open, g)
			}
		}
	}
	first, last := best(begin), best(end)
	if first.trace == 0 || last.trace <= first.trace {
		return nil, errors.New("parks: the trace lacks the events that tie its clock to time.Now")
	}

	rate := float64(last.time().Sub(first.time())) / float64(last.trace-first.trace)
	at := func(t exptrace.Time) time.Time {
		return first.time().Add(time.Duration(rate * float64(t-first.trace)))
	}
	t := &Trace{Error: (first.width()+last.width())/2 + near, parks: map[int64][]Park{}, starved: map[int64][]Park{}}
	for g, stays := range stays {
		for _, s := range stays {
			into := t.parks
			if s.starved {
				into = t.starved
			}
			into[g] = append(into[g], Park{s.reason, at(s.start), at(s.ready), at(s.run), s.by, s.moved})
		}
	}
	return t, nil
}

// Span is the recorded time of an operation or a block of a goroutine.
type Span struct {
	Goroutine  int64
	Start, End time.Time
}

// Check compares recorded blocks with the parks of their goroutines. reason is the runtime's
// reason of their parks. It returns contradictions, a line each:
//
//   - a park that is only partly in a block: a block begins before the goroutine
//     parks and ends when it runs again;
//   - a park for another reason in a block;
//   - a park for the reason inside an operation and in no block, unless it is shorter
//     than Error.
//
// No fault is found with a park that was Moved. The rest depends only on the order of
// events, however busy the machine is. off is, for each block, the time in which the
// goroutine was not parked, as far as the runtime knows: it ran, or was starved. The
// operating system may have suspended its thread meanwhile, so single values are not
// significant.
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
			case p.Moved:
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
			if p.Moved || p.Reason != reason || !t.before(op.Start, p.Start) || !t.before(p.Start, p.Run) || !t.before(p.Run, op.End) {
				continue
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

// before reports whether a is certainly before b.
func (t *Trace) before(a, b time.Time) bool { return b.Sub(a) > t.Error }

func (t *Trace) overlap(p Park, b Span) bool {
	return t.before(b.Start, p.Run) && t.before(p.Start, b.End)
}

// covered reports whether the park is, or may be, in one of the blocks.
func (t *Trace) covered(p Park, blocks []Span) bool {
	for _, b := range blocks {
		if t.overlap(p, b) || !t.before(p.Start, b.Start) && !t.before(b.End, p.Run) {
			return true
		}
	}
	return false
}
