package op_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/internal/op"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a sink that records its calls and then does what the test asks for.
type recorder struct {
	mu    sync.Mutex
	lines []string
	in    atomic.Int32 // calls in progress
	do    func(what string)
}

func (s *recorder) note(format string, args ...any) {
	if s.in.Add(1) != 1 {
		panic("two calls of a sink at once")
	}
	defer s.in.Add(-1)
	line := fmt.Sprintf(format, args...)
	s.mu.Lock()
	s.lines = append(s.lines, line)
	s.mu.Unlock()
	if s.do != nil {
		what, _, _ := strings.Cut(line, " ")
		s.do(what)
	}
}

func (s *recorder) Wake(r *op.Record, block, wake *op.Edge) {
	s.note("wake %s: %s %v, %s %v", r.Name, block.Reason, block.At, wake.Reason, wake.At)
}

func (s *recorder) End(r *op.Record, e *op.End) {
	s.note("end %s: %v, %d blocks of %v, error %q", r.Name, e.At, e.Blocks, e.Blocked, e.ErrorType)
}

func (s *recorder) WokenBy(r *op.Record, by oteltrace.SpanContext) {
	s.note("woken %s: by %v", r.Name, by.SpanID())
}

func (s *recorder) Link(r *op.Record, to oteltrace.SpanContext) {
	s.note("link %s: to %v", r.Name, to.SpanID())
}

func (s *recorder) SetAttributes(r *op.Record, attrs []attribute.KeyValue) {
	s.note("attributes %s: %v", r.Name, attrs)
}

func (s *recorder) Wants(show op.Show, shown bool) time.Duration {
	if show > op.ShowBlocked && !shown {
		return -1
	}
	return time.Second
}

func (s *recorder) want(t *testing.T, want string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	if got, want := strings.Join(s.lines, "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func start(s *recorder, name string) op.Ref {
	_, ref := op.New(time.Now(), &op.Config{Name: name, Context: context.Background(), Sinks: []op.Sink{s}})
	return ref
}

var (
	writer = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}})
	nobody oteltrace.SpanContext
)

// A sink receives the edges in order, with their times.
func TestEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(recorder)
		ref := start(s, "read")
		ref.Wake(time.Time{}, op.Edge{Reason: "timer"}, nil) // ignored: it is not blocked
		time.Sleep(time.Second)
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		ref.Block(time.Time{}, op.Edge{Reason: "lock"}) // ignored: it is blocked already
		time.Sleep(time.Second)
		ref.WokenBy(writer) // ignored: it has not been woken yet
		ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
		ref.WokenBy(writer)
		ref.Link(writer)
		ref.Link(nobody)
		ref.SetAttributes([]attribute.KeyValue{attribute.Int("n", 1)})
		ref.Block(time.Now().Add(-time.Hour), op.Edge{Reason: "lock"}) // its time is moved to that of the edge before
		time.Sleep(time.Second)
		ref.End(&op.End{ErrorType: "odd"}) // ends while blocked
		ref.End(&op.End{})
		s.want(t, `
			wake read: net.read 1s, readable 2s
			woken read: by 0200000000000000
			link read: to 0200000000000000
			attributes read: [{"n":1}]
			wake read: lock 2s,  3s
			end read: 3s, 2 blocks of 2s, error "odd"
		`)
	})
}

// A stale Ref and the zero Ref do nothing, even when another operation uses the memory.
func TestStale(t *testing.T) {
	s := new(recorder)
	old := start(s, "old")
	old.End(&op.End{})
	for _, ref := range []op.Ref{old, {}} {
		for range 10 { // some reuse memory
			next := start(s, "next")
			before := len(s.lines)
			ref.Block(time.Time{}, op.Edge{Reason: "lock"})
			ref.Wake(time.Time{}, op.Edge{Reason: "unlocked"}, nil)
			ref.WokenBy(writer)
			ref.Link(writer)
			ref.SetAttributes(nil)
			ref.SetShow(op.ShowFailed)
			ref.SetOn(1)
			ref.End(&op.End{})
			if len(s.lines) != before {
				t.Fatalf("a sink received %q", s.lines[before:])
			}
			if ref.Context() != nil || ref.StartContext() != nil || ref.Owner() != nil || ref.Describe(new(live.Report)) != nil ||
				ref.SpanContext().IsValid() || ref.Wants(time.Hour) || ref.BlockedSince(time.Now()) ||
				ref.Do(func(*op.Record) {}) {
				t.Error("a stale Ref returned something")
			}
			next.End(&op.End{})
		}
	}
}

// A sink that uses its own operation is called again only after it has returned, and does
// not wait for that.
func TestReentrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(recorder)
		ref := start(s, "read")
		s.do = func(what string) {
			if what == "wake" {
				ref.Link(writer)
				ref.End(&op.End{})
				ref.Link(writer) // ignored: it has ended
			}
		}
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		time.Sleep(time.Second)
		ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
		s.want(t, `
			wake read: net.read 0s, readable 1s
			link read: to 0200000000000000
			end read: 1s, 1 blocks of 1s, error ""
		`)
	})
}

// While a sink runs, other goroutines report parks and read them without waiting for it.
func TestBlockDuringSink(t *testing.T) {
	s := new(recorder)
	ref := start(s, "read")
	entered, leave := make(chan struct{}), make(chan struct{})
	s.do = func(what string) {
		if what == "link" {
			close(entered)
			<-leave
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { ref.Link(writer) })
	<-entered
	ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
	if c := ref.Describe(new(live.Report)); c == nil || c.Wait == nil || c.Wait.Reason != "net.read" {
		t.Errorf("got %+v, want a wait for net.read", c)
	}
	if ref.Do(func(*op.Record) {}) {
		t.Error("Do ran while a sink did")
	}
	ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
	ref.End(&op.End{})
	close(leave)
	wg.Wait()
	if len(s.lines) != 3 || !strings.HasPrefix(s.lines[1], "wake") || !strings.HasPrefix(s.lines[2], "end") {
		t.Errorf("got %q, want a link, a wake and an end", s.lines)
	}
}

// Evidence is wanted if a sink uses it.
func TestWants(t *testing.T) {
	s := new(recorder)
	_, ref := op.New(time.Now(), &op.Config{Context: context.Background(), Sinks: []op.Sink{s}, Show: op.ShowFailed})
	if ref.Wants(time.Hour) {
		t.Error("evidence is wanted of an operation that is not shown")
	}
	ref.SetShow(op.ShowBlocked)
	if ref.Wants(time.Second-1) || !ref.Wants(time.Second) {
		t.Error("evidence is not wanted exactly from one second on")
	}
	ref.End(&op.End{})
}

// Operations end, are used through stale Refs, and begin again in the same memory, all at
// the same time.
func TestRefConcurrentSafe(t *testing.T) {
	sink := op.Sink(counting{new(atomic.Int64), new(atomic.Int64)})
	refs := make(chan op.Ref, 64)
	var users, makers sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for ref := range refs {
				for range 3 {
					ref.Block(time.Time{}, op.Edge{Reason: "lock"})
					ref.Link(writer)
					ref.Wake(time.Time{}, op.Edge{Reason: "unlocked"}, nil)
					ref.WokenBy(writer)
					_, _ = ref.Describe(new(live.Report)), ref.Context()
					ref.Do(func(*op.Record) {})
				}
				ref.End(&op.End{})
			}
		})
	}
	const each = 500
	for range 4 {
		makers.Go(func() {
			for range each {
				_, ref := op.New(time.Now(), &op.Config{Name: "op", Context: context.Background(), Sinks: []op.Sink{sink}})
				refs <- ref
				ref.Block(time.Time{}, op.Edge{Reason: "lock"})
				ref.SetAttributes(nil)
				ref.Wake(time.Time{}, op.Edge{Reason: "unlocked"}, nil)
				ref.End(&op.End{})
			}
		})
	}
	makers.Wait()
	close(refs)
	users.Wait()
	if got := sink.(counting).ends.Load(); got != 4*each {
		t.Errorf("got %d ends, want %d", got, 4*each)
	}
}

// counting is a sink that counts its calls.
type counting struct{ ends, calls *atomic.Int64 }

func (c counting) Wake(*op.Record, *op.Edge, *op.Edge)            { c.calls.Add(1) }
func (c counting) WokenBy(*op.Record, oteltrace.SpanContext)      { c.calls.Add(1) }
func (c counting) Link(*op.Record, oteltrace.SpanContext)         { c.calls.Add(1) }
func (c counting) SetAttributes(*op.Record, []attribute.KeyValue) { c.calls.Add(1) }
func (c counting) End(*op.Record, *op.End)                        { c.ends.Add(1) }
func (c counting) Wants(op.Show, bool) time.Duration              { return 0 }

// An operation that one goroutine uses allocates nothing.
func TestAllocs(t *testing.T) {
	c := op.Config{Name: "op", Context: context.Background(), Sinks: []op.Sink{counting{new(atomic.Int64), new(atomic.Int64)}}}
	got := testing.AllocsPerRun(100, func() {
		_, ref := op.New(time.Now(), &c)
		ref.Block(time.Time{}, op.Edge{Reason: "lock"})
		ref.Wake(time.Time{}, op.Edge{Reason: "unlocked"}, nil)
		ref.Link(writer)
		ref.End(&op.End{})
	})
	if got > 0 && !race {
		t.Errorf("got %v allocations, want none", got)
	}
}

// While an operation is held, its sinks receive nothing. Then they receive everything in
// order, and each wake with its cause.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(recorder)
		_, ref := op.New(time.Now(), &op.Config{Name: "read", Context: context.Background(), Sinks: []op.Sink{s}, Held: true})
		block := func() {
			ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
			time.Sleep(100 * time.Millisecond)
			ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
			ref.WokenBy(writer)
			ref.WokenBy(nobody)
		}
		block()
		s.want(t, "")
		ref.Release()
		first := `
			wake read: net.read 0s, readable 100ms
			woken read: by 0200000000000000
		`
		s.want(t, first)
		ref.Hold()
		block()
		ref.Link(writer)
		s.want(t, first)
		ref.End(&op.End{})
		s.want(t, first+`
			wake read: net.read 100ms, readable 200ms
			woken read: by 0200000000000000
			link read: to 0200000000000000
			end read: 200ms, 2 blocks of 200ms, error ""
		`)
	})
}

// Events that have been queued for long, or are many, are delivered although the operation
// is held. End then waits for no sink.
func TestHoldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(recorder)
		_, ref := op.New(time.Now(), &op.Config{Name: "read", Context: context.Background(), Sinks: []op.Sink{s}, Held: true})
		block := func() {
			ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
			ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
		}
		lines := func() int {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.lines)
		}
		block()
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		time.Sleep(time.Second - 1)
		if n := lines(); n != 0 {
			t.Errorf("got %d lines before a second, want none", n)
		}
		time.Sleep(time.Nanosecond)
		if n := lines(); n != 1 {
			t.Errorf("got %d lines after a second, want 1", n)
		}
		for range 200 {
			block()
		}
		if n := lines(); n < 100 {
			t.Errorf("got %d lines, want most of 200", n)
		}
		block()
		entered, leave := make(chan struct{}), make(chan struct{})
		s.do = func(string) {
			if s.do = nil; true {
				close(entered)
				<-leave
			}
		}
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		time.Sleep(time.Second)
		<-entered
		ref.End(&op.End{})
		close(leave)
		if n := lines(); n != 204 {
			t.Errorf("got %d lines, want 203 wakes and an end", n)
		}
	})
}
