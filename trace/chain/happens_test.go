package chain_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestHappensBefore(t *testing.T) {
	t.Parallel()
	s := &script{service: "a"}
	run := s.add(0, "a", 0, 1, semconv.GoroutineNameKey.String("a"))
	s.end(run, 1000, semconv.GoroutineStateKey.String(string(semconv.StateFinished)))
	lock := s.add(run, "lock1", 10, 20)
	s.block(lock, 11, 15, 20, semconv.ReasonLock, "", semconv.WakeUnlocked)
	wr := s.add(run, "write1", 20, 30)
	s.add(run, "overlap", 25, 40)
	spawn := s.add(run, "b", 45, 46, semconv.GoroutineNameKey.String("b"))
	s.add(spawn, "work", 50, 60)
	s.add(run, "last", 70, 80)
	s.service = "z"
	// Its clock is far ahead, which does not matter where one span causes another.
	rd := s.add(0, "read1", -500, -400)
	_, rw := s.block(rd, -490, -450, -400, semconv.ReasonNetRead, "", semconv.WakeReadable)
	s.link(rd, wr)
	s.link(rw, wr)
	s.add(0, "stranger", 0, 1)
	c := chain.New(s.spans, chain.WithoutSkewCorrection())
	at := func(name string) *chain.Span {
		op, tile, _ := strings.Cut(name, "/")
		for _, sp := range c.Spans {
			if tile == "" && sp.Name == op || tile != "" && sp.Name == tile && sp.Parent.Name == op {
				return sp
			}
		}
		t.Fatalf("no span %s", name)
		return nil
	}
	for _, tt := range []struct {
		a, b string
		want bool
		why  string
	}{
		{"a", "lock1/wake", true, "an ancestor"},
		{"lock1/wake", "a", false, "a descendant"},
		{"lock1/block", "lock1/wake", true, "a block and its wake"},
		{"lock1/wake", "lock1/block", false, ""},
		{"lock1", "write1", true, "one goroutine"},
		{"lock1/block", "write1", true, "the operation ends after its block"},
		{"write1", "lock1", false, ""},
		{"write1", "overlap", false, "they overlap"},
		{"overlap", "write1", false, ""},
		{"lock1", "overlap", true, "one goroutine"},
		{"write1", "b", true, "one goroutine"},
		{"write1", "work", true, "the start of a goroutine"},
		{"b", "last", true, "go was called before"},
		{"work", "last", false, "another goroutine"},
		{"last", "work", false, ""},
		{"write1", "read1", true, "a link"},
		{"read1", "write1", false, "a read begins before what it waits for"},
		{"write1", "read1/wake", true, "a link from a wake"},
		{"lock1", "read1", true, "a goroutine, then a link"},
		{"write1", "read1/block", false, "the reader blocked before"},
		{"read1", "read1/block", true, "a child"},
		{"stranger", "write1", false, "nothing connects them"},
		{"write1", "stranger", false, ""},
		{"write1", "write1", false, "itself"},
	} {
		if got := c.HappensBefore(at(tt.a), at(tt.b)); got != tt.want {
			t.Errorf("HappensBefore(%s, %s) = %v, want %v: %s", tt.a, tt.b, got, tt.want, tt.why)
		}
	}
	if c.HappensBefore(nil, at("write1")) || c.HappensBefore(at("write1"), nil) {
		t.Error("nil happens")
	}
}

func TestHappensBeforeSeveralGoroutinesBelowOneSpan(t *testing.T) {
	t.Parallel()
	s := &script{}
	run := s.add(0, "a", 0, 1, semconv.GoroutineNameKey.String("a"))
	s.add(run, "x", 10, 20, semconv.GoroutineIDKey.Int(1))
	s.add(run, "y", 30, 40, semconv.GoroutineIDKey.Int(2))
	c := chain.New(s.spans)
	if c.HappensBefore(c.Spans[1], c.Spans[2]) {
		t.Error("operations of two goroutines have an order")
	}
}

func TestHappensBeforeConcurrentSafe(t *testing.T) {
	t.Parallel()
	c := chain.New(seed().spans)
	first, last := c.Named(semconv.SpanWrite)[0], c.Named(semconv.SpanRead)[0]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if !c.HappensBefore(first, last) || c.HappensBefore(last, first) {
				t.Error("the first write is not before the first read")
			}
			_ = c.String()
		})
	}
	wg.Wait()
}

// TestHappensBeforeIsAnOrder: no two spans happen before each other.
func TestHappensBeforeIsAnOrder(t *testing.T) {
	t.Parallel()
	c := chain.New(seed().spans)
	some := c.Find(func(s *chain.Span) bool { return s.Name != semconv.SpanWrite || s.Seq%50 == 0 })
	for _, a := range some {
		for _, b := range some {
			if c.HappensBefore(a, b) && c.HappensBefore(b, a) {
				t.Errorf("%v and %v happen before each other", a, b)
			}
		}
	}
}

// If the source knows the goroutines, the order of their calls decides, whatever the spans
// are and even if all times are equal.
func TestHappensBeforeByRecorder(t *testing.T) {
	t.Parallel()
	s := &script{}
	span := func(name string, start, end float64, startedOn, endedOn int64) {
		sp := s.at(s.add(0, name, start, end))
		sp.StartedOn, sp.EndedOn = startedOn, endedOn
	}
	span("first", 0, 5, 1, 1)
	span("other", 0, 0, 2, 2)
	span("second", 0, 0, 1, 1) // takes no time, so that the chain puts it before first
	span("handed over", 0, 5, 1, 2)
	span("taken over", 5, 6, 2, 2)
	span("open", 6, 6, 2, 0)
	span("unknown", 7, 8, 0, 0)
	c := chain.New(s.spans)
	at := func(name string) *chain.Span { return c.Named(name)[0] }
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"first", "second", true},
		{"second", "first", false},
		{"first", "other", false},
		{"other", "first", false},
		{"second", "handed over", true},
		{"first", "taken over", true}, // because what was handed over has ended
		{"other", "taken over", true},
		{"taken over", "handed over", false},
		{"taken over", "open", true},
		{"open", "taken over", false},
		{"first", "unknown", false},
		{"unknown", "first", false},
	} {
		if got := c.HappensBefore(at(tt.a), at(tt.b)); got != tt.want {
			t.Errorf("HappensBefore(%s, %s) = %t, want %t", tt.a, tt.b, got, tt.want)
		}
	}
}
