package e2e_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// same fails the test unless got has the spans of want and no others, each with
// all that it says.
func same(t *testing.T, got, want []chain.Span) {
	t.Helper()
	sent := make(map[oteltrace.SpanID]string, len(want))
	for _, s := range want {
		sent[s.SpanID] = describe(&s)
	}
	seen := make(map[oteltrace.SpanID]int, len(got))
	wrong := 0
	for _, s := range got {
		seen[s.SpanID]++
		if text := describe(&s); text != sent[s.SpanID] {
			if wrong++; wrong <= 3 {
				t.Errorf("got  %s\nwant %s", text, sent[s.SpanID])
			}
		}
	}
	for _, s := range want {
		if n := seen[s.SpanID]; n != 1 {
			if wrong++; wrong <= 3 {
				t.Errorf("Jaeger has it %d times, want once: %s", n, sent[s.SpanID])
			}
		}
	}
	if wrong > 3 {
		t.Errorf("… and %d more; %d spans, want %d", wrong-3, len(got), len(want))
	}
}

// describe is all that a span says, as text.
func describe(s *chain.Span) string {
	text := fmt.Sprintf("%s %s of %s: %s %v %s scope %s status %v %q from %d to %d, attributes %s, resource %s",
		s.TraceID, s.SpanID, s.ParentID, s.Name, s.Kind, s.Service, s.Scope, s.Status.Code, s.Status.Description,
		s.Start.UnixNano(), s.End.UnixNano(), attributes(s.Attributes), attributes(s.Resource))
	for _, l := range s.Links {
		text += fmt.Sprintf(", link to %s %s %s", l.SpanContext.TraceID(), l.SpanContext.SpanID(), attributes(l.Attributes))
	}
	return text
}

func attributes(attrs []attribute.KeyValue) string {
	attrs = slices.Clone(attrs)
	slices.SortFunc(attrs, func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	var text bytes.Buffer
	for _, kv := range attrs {
		fmt.Fprintf(&text, "%s(%s)=%s ", kv.Key, kv.Value.Type(), kv.Value.String())
	}
	return text.String()
}

// whole fails the test unless the chain is one trace, each span of it has the
// parent and the links that it names, and operations are tiled.
func whole(t *testing.T, c *chain.Chain) {
	t.Helper()
	if len(c.Roots) != 1 {
		t.Errorf("%d roots, want one: %v", len(c.Roots), c.Roots[:min(len(c.Roots), 10)])
	}
	sound(t, c)
}

func sound(t *testing.T, c *chain.Chain) {
	t.Helper()
	if c.Repeats > 0 || len(c.Skews) > 0 {
		t.Errorf("%d repeated spans, clocks %v; want neither", c.Repeats, c.Skews)
	}
	for s := range c.All() {
		if t.Failed() {
			return // thousands more would say the same
		}
		if s.Orphan() {
			t.Errorf("%v has no parent", s)
		}
		if !s.End.After(s.Start) {
			t.Errorf("%v lasts %v, which Jaeger calls negative", s, s.End.Sub(s.Start))
		}
		for _, l := range s.Links {
			// A goroutine links to its longest wait, which a process that was killed in it
			// has not exported.
			if l.Span == nil && !(s.IsGoroutine() && s.Str(semconv.GoroutineStateKey) == string(semconv.StateRunning)) {
				t.Errorf("%v links to %s, which is not there", s, l.SpanContext.SpanID())
			}
		}
		tiled(t, s)
	}
}

// tiled fails the test unless block and wake alternate below s, without a gap and
// up to the end of s.
func tiled(t *testing.T, s *chain.Span) {
	t.Helper()
	var tiles []*chain.Span
	for _, child := range s.Children {
		if child.Is(semconv.SpanBlock) || child.Is(semconv.SpanWake) {
			tiles = append(tiles, child)
		}
	}
	slices.SortStableFunc(tiles, func(a, b *chain.Span) int { return a.Start.Compare(b.Start) })
	for i, tile := range tiles {
		want, end := semconv.SpanBlock, s.End
		if i%2 == 1 {
			want = semconv.SpanWake
		}
		if i+1 < len(tiles) {
			end = tiles[i+1].Start
		}
		if !tile.Is(want) || !tile.End.Equal(end) {
			t.Errorf("%v: child %d is %s until %v, want %s until %v", s, i, tile.Name, tile.End, want, end)
		}
	}
	if len(tiles)%2 == 1 || len(tiles) > 0 && tiles[0].Start.Before(s.Start) {
		t.Errorf("%v: %d tiles, from %v; want pairs, from %v", s, len(tiles), tiles[0].Start, s.Start)
	}
}

// tree is the chain as text, a line for each span, in its order.
func tree(t *testing.T, spans []chain.Span) string {
	t.Helper()
	var text bytes.Buffer
	if err := chain.New(spans).WriteTree(&text, chain.WithoutFolding()); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// eventually tries until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it is never so that %s", what)
		}
	}
}
