package chain_test

import (
	"math"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestAttributes(t *testing.T) {
	t.Parallel()
	s := chain.Span{Attributes: []attribute.KeyValue{
		attribute.String("s", "old"), attribute.String("s", "text"), attribute.Int("i", 3), attribute.Float64("f", 2.5), attribute.Bool("b", true),
	}}
	if v, ok := s.Attr("s"); !ok || v.AsString() != "text" {
		t.Errorf("Attr: got %v, %v: the last one counts", v, ok)
	}
	if _, ok := s.Attr("none"); ok {
		t.Error("Attr has what is not there")
	}
	for key, want := range map[attribute.Key]struct {
		str string
		i   int64
		f   float64
	}{"s": {"text", 0, 0}, "i": {"3", 3, 3}, "f": {"2.5", 2, 2.5}, "b": {"true", 0, 0}, "none": {"", 0, 0}} {
		if s.Str(key) != want.str || s.Int(key) != want.i || s.Float(key) != want.f {
			t.Errorf("%s: got %q %d %v, want %+v", key, s.Str(key), s.Int(key), s.Float(key), want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		start, end time.Time
		want       time.Duration
	}{
		{"usual", epoch, epoch.Add(5), 5},
		{"not ended", epoch, time.Time{}, 0},
		{"backwards", epoch, epoch.Add(-5), 0},
		{"saturated", time.Date(-9999, 1, 1, 0, 0, 0, 0, time.UTC), epoch, math.MaxInt64},
	} {
		if got := (&chain.Span{Start: tt.start, End: tt.end}).Duration(); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestRelations(t *testing.T) {
	t.Parallel()
	c := chain.New(seed().spans)
	hello := c.Roots[0]
	if life := hello.Life(); life != hello || !hello.IsGoroutine() || hello.Rest() != nil || hello.Lived() != hello.Duration() {
		t.Errorf("Life: got %v", life)
	}
	block := c.Find(func(s *chain.Span) bool { return s.Str(semconv.BlockCauseKey) == string(semconv.CausePeerWindow) })[0]
	op := block.Operation()
	if op.Name != semconv.SpanWrite || op.Operation() != op {
		t.Errorf("Operation: got %v", op)
	}
	if got := op.Blocked(); got != block.Duration() {
		t.Errorf("Blocked: got %v, want %v", got, block.Duration())
	}
	run := block.Goroutine()
	if run == nil || run.Name != "sen_data" {
		t.Fatalf("Goroutine: got %v", run)
	}
	if got := run.Life().Blocked(); got != 2980*time.Millisecond {
		t.Errorf("Blocked of a life: got %v", got)
	}
	if got := run.Goroutine(); got != nil {
		t.Errorf("the handler has no goroutine above it in its process, got %v", got)
	}
	if got := c.Named(semconv.SpanRead)[0].Goroutine(); got != hello {
		t.Errorf("Goroutine of read: got %v", got)
	}
	var depths []int
	for d := range run.Parent.Walk() {
		depths = append(depths, d)
	}
	if depths[0] != 0 || depths[1] != 1 {
		t.Errorf("Walk: depths %v", depths[:2])
	}
	if got, want := op.String(), "write #327 (socket_start)"; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
	if op.Orphan() || !(&chain.Span{ParentID: spanID(1)}).Orphan() {
		t.Error("Orphan is wrong")
	}
	if (&chain.Span{Name: "\x1b"}).String() != `\x1b #0` {
		t.Error("String does not escape")
	}
	if got := (&chain.Span{Attributes: []attribute.KeyValue{semconv.BlockDurationKey.Float64(math.Inf(1))}}).Blocked(); got != math.MaxInt64 {
		t.Errorf("Blocked of what a stranger says: %v", got)
	}
	client, server := &chain.Span{Kind: oteltrace.SpanKindClient}, &chain.Span{Kind: oteltrace.SpanKindServer}
	server.Links = []chain.Link{{}, {Span: op}, {Span: client}}
	if got := server.Caller(); got != client {
		t.Errorf("Caller at a public endpoint: got %v", got)
	}
	server.Parent = run
	if got := server.Caller(); got != run {
		t.Errorf("Caller: got %v, want the parent", got)
	}
	client.Links = []chain.Link{{Span: client}}
	if got := client.Caller(); got != nil {
		t.Errorf("Caller of what nobody called: got %v", got)
	}
	if (&chain.Span{Name: semconv.SpanWake}).Operation() != nil {
		t.Error("a wake alone has no operation")
	}
}
