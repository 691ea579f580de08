package parks_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	rtrace "runtime/trace"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/internal/parks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}

// waitParked waits until a goroutine is parked, in the state that a stack dump
// names.
func waitParked(t *testing.T, id int64, state string) {
	t.Helper()
	buf, line := make([]byte, 1<<20), fmt.Sprintf("goroutine %d [%s", id, state)
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(string(buf[:runtime.Stack(buf, true)]), line); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", line)
		}
	}
}

func spin(d time.Duration) {
	for begun := time.Now(); time.Since(begun) < d; {
		runtime.Gosched()
	}
}

// observed is a goroutine that receives twice, with times that were read while
// it was surely parked or surely not.
type observed struct {
	trace *parks.Trace
	id    int64
	// Before, inside and after each of the two parks.
	begins, parked, ready, ends [2]time.Time
}

// known records f, again until the trace knows the time of every park.
func known(t *testing.T, f func()) *parks.Trace {
	t.Helper()
	for range 20 {
		tr, err := parks.Record(f)
		if err != nil {
			t.Skip(err) // go test -trace
		}
		if tr.Moved() == 0 {
			return tr
		}
	}
	t.Fatal("each of 20 traces has a park that was moved")
	return nil
}

func observe(t *testing.T) (o observed) {
	t.Helper()
	o.trace = known(t, func() {
		ids, ch, done := make(chan int64, 1), make(chan int), make(chan struct{})
		go func() {
			defer close(done)
			ids <- goroutine()
			for i := range 2 {
				o.begins[i] = time.Now()
				<-ch
				o.ends[i] = time.Now()
			}
		}()
		o.id = <-ids
		for i := range 2 {
			waitParked(t, o.id, "chan receive")
			o.parked[i] = time.Now()
			spin(2 * time.Millisecond)
			o.ready[i] = time.Now()
			ch <- i
		}
		<-done
	})
	return o
}

func TestRecord(t *testing.T) {
	o := observe(t)
	got := slices.DeleteFunc(slices.Clone(o.trace.Parks(o.id)), func(p parks.Park) bool { return p.Reason != "chan receive" })
	if len(got) != 2 {
		t.Fatalf("got parks %v, want two for chan receive", got)
	}
	for i, p := range got {
		order := []time.Time{o.begins[i], p.Start, o.parked[i], o.ready[i], p.Ready, p.Run, o.ends[i]}
		for j, at := range order[1:] {
			if d := order[j].Sub(at); d > o.trace.Error {
				t.Errorf("park %d: time %d of the order is %v after the next, want %v at most", i, j, d, o.trace.Error)
			}
		}
	}
	if got := o.trace.Parks(-1); len(got) != 0 {
		t.Errorf("no such goroutine: got %v, want nothing", got)
	}
}

func TestCheck(t *testing.T) {
	o := observe(t)
	span := func(start, end time.Time) parks.Span { return parks.Span{Goroutine: o.id, Start: start, End: end} }
	op := span(o.begins[0].Add(-time.Millisecond), o.ends[1].Add(time.Millisecond))
	inside := func(i int) time.Time { return o.parked[i].Add(time.Millisecond) } // of the two that it lasts at least
	first, second := span(o.begins[0], o.ends[0]), span(o.begins[1], o.ends[1])
	tests := []struct {
		name   string
		reason string
		ops    []parks.Span
		blocks []parks.Span
		want   []string // a part of each fault
	}{
		{"true", "chan receive", []parks.Span{op}, []parks.Span{first, second}, nil},
		{"nothing told", "chan receive", nil, nil, nil},
		{"another goroutine", "chan receive", []parks.Span{{Start: op.Start, End: op.End}}, nil, nil},
		{"a block missing", "chan receive", []parks.Span{op}, []parks.Span{second}, []string{"for chan receive of "}},
		{"all missing", "chan receive", []parks.Span{op}, nil, []string{"is in no block", "is in no block"}},
		{
			"ends too early", "chan receive",
			[]parks.Span{op},
			[]parks.Span{span(o.begins[0], inside(0)), second},
			[]string{"the park for chan receive from 0 to "},
		},
		{
			"begins too late", "chan receive",
			[]parks.Span{op},
			[]parks.Span{first, span(inside(1), o.ends[1])},
			[]string{"is partly in the block from "},
		},
		{"two parks in one", "chan receive", []parks.Span{op}, []parks.Span{op}, nil},
		{
			"another reason", "network",
			[]parks.Span{op},
			[]parks.Span{first, second},
			[]string{"a park for chan receive, not network, of ", "a park for chan receive, not network, of "},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, off := o.trace.Check(tt.reason, tt.ops, tt.blocks)
			ok := len(got) == len(tt.want)
			for i := range min(len(got), len(tt.want)) {
				ok = ok && strings.HasPrefix(got[i], fmt.Sprintf("goroutine %d: ", o.id)) && strings.Contains(got[i], tt.want[i])
			}
			if !ok {
				t.Errorf("got faults\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
			if len(off) != len(tt.blocks) {
				t.Errorf("got %d values of off, want %d", len(off), len(tt.blocks))
			}
		})
	}

	// A block with no park in it is off as a whole.
	_, off := o.trace.Check("chan receive", nil, []parks.Span{{Start: op.Start, End: op.Start.Add(time.Second)}, first})
	if off[0] != time.Second || off[1] >= first.End.Sub(first.Start)-time.Millisecond {
		t.Errorf("got %v off, want 1s and little of %v", off, first.End.Sub(first.Start))
	}
}

func TestRecordTwice(t *testing.T) {
	if rtrace.IsEnabled() {
		t.Skip("go test -trace")
	}
	_, err := parks.Record(func() {
		if _, err := parks.Record(func() { t.Error("ran under two tracers") }); err == nil {
			t.Error("inside another Record: got no error")
		}
	})
	if err != nil {
		t.Error(err)
	}
}
