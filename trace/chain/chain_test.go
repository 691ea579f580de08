package chain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func names(c *chain.Chain) string {
	var all []string
	for s := range c.All() {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// shape returns the tree as text: a(b c(d)).
func shape(c *chain.Chain) string {
	var b strings.Builder
	depth := -1
	for d, s := range c.Walk() {
		switch {
		case d > depth:
			b.WriteString(strings.Repeat("(", d-depth))
		default:
			b.WriteString(strings.Repeat(")", depth-d) + " ")
		}
		b.WriteString(s.Name)
		depth = d
	}
	b.WriteString(strings.Repeat(")", depth+1))
	return strings.TrimSuffix(strings.TrimPrefix(b.String(), "("), ")")
}

func TestNewTakesAnything(t *testing.T) {
	t.Parallel()
	other := oteltrace.TraceID{9}
	for _, tt := range []struct {
		name  string
		make  func(*script)
		order string
		shape string
	}{
		{"nothing", func(*script) {}, "", ""},
		{"one", func(s *script) { s.add(0, "a", 0, 1) }, "a", "a"},
		{"a parent that is missing", func(s *script) {
			s.add(7, "a", 1, 2)
			s.add(1, "b", 1, 2)
		}, "a b", "a(b)"},
		{"a child that arrives and starts first", func(s *script) {
			s.add(2, "child", 0, 1)
			s.add(0, "parent", 5, 9)
			s.add(0, "between", 3, 4)
		}, "between parent child", "between parent(child)"},
		{"its own parent", func(s *script) { s.add(1, "a", 0, 1) }, "a", "a"},
		{"a cycle of parents, cut at the earliest", func(s *script) {
			s.add(2, "a", 5, 6)
			s.add(3, "b", 3, 6)
			s.add(1, "c", 4, 6)
			s.add(1, "leaf", 9, 9)
		}, "b a c leaf", "b(a(c leaf))"},
		{"a parent in another trace", func(s *script) {
			s.add(0, "a", 0, 1)
			s.at(s.add(1, "b", 1, 2)).TraceID = other
		}, "a b", "a b"},
		{"a span without an id", func(s *script) {
			s.add(0, "a", 0, 1)
			s.at(s.add(1, "b", 1, 2)).SpanID = oteltrace.SpanID{}
			s.at(s.add(1, "c", 1, 2)).SpanID = oteltrace.SpanID{}
		}, "a b c", "a(b c)"},
		{"delivered twice", func(s *script) {
			s.add(0, "a", 0, 1)
			s.add(1, "b", 1, 2)
			s.spans = append(s.spans, s.spans...)
			s.spans = append(s.spans, s.spans...)
		}, "a b", "a(b)"},
		{"two spans with one id: a child means its own process's", func(s *script) {
			s.add(0, "client", 0, 9)
			s.service = "server"
			s.at(s.add(0, "server", 1, 8)).SpanID = spanID(1)
			s.add(1, "child", 2, 3)
		}, "client server child", "client server(child)"},
		{"spans with one id that is also their parent's", func(s *script) {
			s.at(s.add(1, "a", 0, 9)).SpanID = spanID(1)
			s.at(s.add(1, "b", 1, 9)).SpanID = spanID(1)
		}, "a b", "a(b)"},
		{"no times", func(s *script) {
			s.add(2, "b", 0, 0)
			s.add(0, "a", 0, 0)
			s.at(1).Start, s.at(2).Start = time.Time{}, time.Time{}
			s.at(1).End, s.at(2).End = time.Time{}, time.Time{}
		}, "a b", "a(b)"},
		{"times beyond nanoseconds", func(s *script) {
			s.at(s.add(0, "b", 0, 0)).Start = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
			s.at(s.add(0, "a", 0, 0)).Start = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
		}, "a b", "a b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{service: "x"}
			tt.make(s)
			c := chain.New(s.spans)
			if got := names(c); got != tt.order {
				t.Errorf("order: got %q, want %q", got, tt.order)
			}
			if got := shape(c); got != tt.shape {
				t.Errorf("tree: got %q, want %q", got, tt.shape)
			}
			_ = c.String()
		})
	}
}

func TestNewLeavesItsInputAlone(t *testing.T) {
	t.Parallel()
	s := seed()
	before := slices.Clone(s.spans)
	first := chain.New(s.spans)
	chain.New(s.spans, chain.WithoutSkewCorrection(), nil)
	for i := range s.spans {
		got := s.spans[i]
		if got.Parent != nil || got.Children != nil || got.Seq != 0 || !got.Start.Equal(before[i].Start) {
			t.Fatalf("span %d was changed: %+v", i, got)
		}
		for _, l := range got.Links {
			if l.Span != nil {
				t.Fatalf("a link of span %d was resolved in the input", i)
			}
		}
	}
	for i, sp := range first.Spans {
		if sp.Seq != i {
			t.Fatalf("Spans[%d].Seq = %d", i, sp.Seq)
		}
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	t.Parallel()
	s := &script{}
	s.add(0, "a", 0, 1)
	c := chain.New(append(s.spans, s.spans[0], s.spans[0]))
	if c.Len() != 1 || c.Repeats != 2 {
		t.Errorf("got %d spans and %d repeats, want 1 and 2", c.Len(), c.Repeats)
	}
	if want := "⚠ 2 spans came more than once and are shown once"; !strings.Contains(c.String(), want) {
		t.Errorf("got %q, want %q in it", c, want)
	}
}

func TestLookups(t *testing.T) {
	t.Parallel()
	c := chain.New(seed().spans)
	if s := c.Lookup(traceID, spanID(2)); s == nil || !s.Is(semconv.SpanHandshake) {
		t.Errorf("Lookup of span 2: got %v", s)
	}
	if s := c.Lookup(traceID, spanID(9999)); s != nil {
		t.Errorf("Lookup of a span that is not there: got %v", s)
	}
	if got := len(c.Named(semconv.SpanRead)); got != 3 {
		t.Errorf("Named(read): got %d, want 3", got)
	}
	if got := c.End().Sub(c.Start()); got != 2_990_640*time.Microsecond {
		t.Errorf("the chain lasts %v", got)
	}
	late := append(seed().spans, chain.Span{Name: "no end", Start: c.End().Add(time.Hour)})
	if got := chain.New(late).End().Sub(c.End()); got != time.Hour {
		t.Errorf("a span without an end that starts an hour later moves the end by %v", got)
	}
	n := 0
	for range c.All() {
		if n++; n == 3 {
			break
		}
	}
	for d, s := range c.Walk() {
		if d == 2 && s.Name == semconv.StepConnect {
			break
		}
	}
	var empty chain.Chain
	if !empty.Start().IsZero() || !empty.End().IsZero() || empty.Lookup(traceID, spanID(1)) != nil {
		t.Error("an empty chain has something")
	}
}
