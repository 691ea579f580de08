package chain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestOrderOfTies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want string
	}{
		{"a parent comes first", func(s *script) {
			s.add(3, "c", 0, 1)
			s.add(1, "d", 0, 1)
			s.add(0, "p", 0, 1)
		}, "p c d"},
		{"what is linked to comes first", func(s *script) {
			s.add(0, "read", 0, 1)
			s.add(0, "write", 0, 1)
			s.link(1, 2)
		}, "write read"},
		{"and its parent before that", func(s *script) {
			s.add(0, "read", 0, 1)
			s.add(3, "write", 0, 1)
			s.add(0, "p", 0, 1)
			s.link(1, 2)
		}, "p write read"},
		{"a later target is no tie", func(s *script) {
			s.add(0, "read", 0, 9)
			s.add(0, "write", 1, 2)
			s.link(1, 2)
		}, "read write"},
		{"a cycle of links is cut at the first arrival", func(s *script) {
			s.add(0, "a", 0, 1)
			s.add(0, "b", 0, 1)
			s.add(0, "c", 0, 1)
			s.link(1, 2)
			s.link(2, 3)
			s.link(3, 1)
		}, "a c b"},
		{"a link to oneself and one to one's child", func(s *script) {
			s.add(0, "a", 0, 1)
			s.add(1, "b", 0, 1)
			s.link(1, 1)
			s.link(1, 2)
		}, "a b"},
		{"two links to one span", func(s *script) {
			s.add(0, "a", 0, 1)
			s.add(0, "b", 0, 1)
			s.link(1, 2)
			s.link(1, 2)
		}, "b a"},
		{"what took no time ends where the next begins", func(s *script) {
			op := s.add(0, "op", 0, 9)
			s.add(op, semconv.SpanWake, 4, 9)
			s.add(op, semconv.SpanBlock, 4, 4)
			s.add(op, "before", 0, 4)
		}, "op before block wake"},
		{"arrival decides the rest", func(s *script) {
			s.add(0, "x", 0, 1)
			s.add(0, "a", 0, 5)
			s.add(0, "m", 0, 3)
		}, "x a m"},
		{"children before their parent's start keep their own order", func(s *script) {
			s.add(0, "p", 9, 10)
			s.add(1, "b", 5, 6)
			s.add(1, "a", 3, 4)
		}, "p a b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{service: "x"}
			tt.make(s)
			if got := names(chain.New(s.spans)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// random makes up n spans of several processes. They have few different times, so that
// many are equal. Parents and links go anywhere, also in cycles.
func random(r *rand.Rand, n int, acyclic bool) *script {
	s := &script{}
	for i := 1; i <= n; i++ {
		s.service = fmt.Sprint("service", r.IntN(3))
		start := float64(r.IntN(1 + n/4))
		parent := r.IntN(n + n/8 + 1)
		if acyclic && parent >= i {
			parent = 0
		}
		s.add(parent, fmt.Sprint("s", i), start, start+float64(r.IntN(4)))
	}
	for range r.IntN(n) {
		from, to := 1+r.IntN(n), 1+r.IntN(n)
		if acyclic && from <= to {
			continue
		}
		s.link(from, to)
	}
	return s
}

func TestOrderOfRandomTraces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		acyclic := seed%2 == 0
		s := random(r, 1+r.IntN(60), acyclic)
		for _, opts := range [][]chain.Option{nil, {chain.WithoutSkewCorrection()}} {
			c := chain.New(s.spans, opts...)
			checkChain(t, c, len(s.spans))
			if acyclic && opts != nil {
				checkLinks(t, c)
			}
			if again := chain.New(s.spans, opts...); names(again) != names(c) {
				t.Fatalf("seed %d: two orders:\n%s\n%s", seed, names(c), names(again))
			}
			_ = c.String()
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkChain(t *testing.T, c *chain.Chain, n int) {
	t.Helper()
	if c.Len() != n {
		t.Errorf("%d spans, want %d", c.Len(), n)
	}
	key := make([]time.Time, c.Len())
	children, roots, walked := 0, 0, 0
	for i, s := range c.Spans {
		key[i] = s.Start
		if s.Parent == nil {
			roots++
		} else {
			if s.Parent.Seq >= i {
				t.Errorf("%v is before its parent %v", s, s.Parent)
				continue
			}
			if p := key[s.Parent.Seq]; p.After(key[i]) {
				key[i] = p
			}
			if !slices.Contains(s.Parent.Children, s) {
				t.Errorf("%v is no child of its parent", s)
			}
		}
		if i > 0 && key[i].Before(key[i-1]) {
			t.Errorf("%v is out of order", s)
		}
		children += len(s.Children)
		for _, l := range s.Links {
			if l.Span != nil && !slices.Contains(l.Span.LinkedFrom, s) {
				t.Errorf("%v does not know that %v links to it", l.Span, s)
			}
		}
		if !slices.IsSortedFunc(s.Children, func(x, y *chain.Span) int { return x.Seq - y.Seq }) {
			t.Errorf("the children of %v are out of order", s)
		}
	}
	for range c.Walk() {
		walked++
	}
	if children+roots != n || roots != len(c.Roots) || walked != n {
		t.Errorf("%d children and %d roots (%d listed), %d walked, of %d", children, roots, len(c.Roots), walked, n)
	}
}

// checkLinks checks, if all starts are equal and there is no cycle, that a span comes
// after those that it links to.
func checkLinks(t *testing.T, c *chain.Chain) {
	t.Helper()
	for _, s := range c.Spans {
		for _, l := range s.Links {
			if l.Span == nil || s.Parent != nil || l.Span.Parent != nil {
				continue
			}
			if l.Span.Start.Equal(s.Start) && l.Span.Seq > s.Seq {
				t.Errorf("%v is before %v, to which it links", s, l.Span)
			}
		}
	}
}

func TestOrderDoesNotDependOnArrival(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 2))
		s := random(r, 40, seed%2 == 0)
		for i := range s.spans { // no two times are equal
			s.spans[i].Start = s.spans[i].Start.Add(time.Duration(i))
			s.spans[i].End = s.spans[i].Start.Add(time.Millisecond)
		}
		// A correction of clocks could make times equal.
		opt := chain.WithoutSkewCorrection()
		skews := fmt.Sprint(chain.New(s.spans).Skews)
		want := chain.New(s.spans, opt)
		for range 5 {
			r.Shuffle(len(s.spans), func(i, j int) { s.spans[i], s.spans[j] = s.spans[j], s.spans[i] })
			if got := chain.New(s.spans).Skews; len(got) != strings.Count(skews, "clock of") {
				t.Fatalf("seed %d: other skews: got %v, want %s", seed, got, skews)
			}
			got := chain.New(s.spans, opt)
			if names(got) != names(want) || shape(got) != shape(want) || got.String() != want.String() {
				t.Fatalf("seed %d: it depends on the order of arrival:\n%v\n%v", seed, want, got)
			}
		}
	}
}

// Huge traces have shapes that would overflow a recursion or take quadratic time.
func TestHugeTraces(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	const n = 50_000
	for _, tt := range []struct {
		name string
		make func(s *script, i int)
	}{
		{"one line of parents", func(s *script, i int) { s.add(i, "a", float64(i), float64(i)) }},
		{"backwards in time", func(s *script, i int) { s.add(i, "a", float64(n-i), float64(n)) }},
		{"one circle of parents", func(s *script, i int) { s.add(i%n+2, "a", 0, 1) }},
		{"one parent, one time", func(s *script, i int) { s.add(min(i, 1), "a", 0, 1, semconv.GoroutineNameKey.String("a")) }},
		{"one id", func(s *script, i int) { s.at(s.add(1, "a", float64(i), float64(i+1))).SpanID = spanID(1) }},
		{"a service each", func(s *script, i int) {
			s.service = fmt.Sprint(i)
			s.add(i, "a", float64(n-i), float64(n))
		}},
		{"one circle of links", func(s *script, i int) {
			s.add(0, "a", 0, 1)
			s.link(i+1, max(i, 1))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{}
			for i := range n {
				tt.make(s, i)
			}
			began := time.Now()
			c := chain.New(s.spans)
			_ = c.String()
			if len(c.Spans) > 0 {
				c.HappensBefore(c.Spans[0], c.Spans[len(c.Spans)-1])
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("%d spans took %v", n, took)
			}
		})
	}
}
