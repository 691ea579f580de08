package telemetry_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
)

// TestMemory floods it, with a stall in the midst and a failure before: both are
// kept, with what is first, and the last ones.
func TestMemory(t *testing.T) {
	const limit = 40
	m := telemetry.Memory{Limit: limit}
	total := 0
	add := func(name string, id, parent byte, took time.Duration, code codes.Code) {
		t.Helper()
		total++
		s := tracetest.SpanStub{
			Name:        name,
			SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{SpanID: oteltrace.SpanID{id}}),
			Parent:      oteltrace.NewSpanContext(oteltrace.SpanContextConfig{SpanID: oteltrace.SpanID{parent}}),
			StartTime:   time.Unix(int64(total), 0), EndTime: time.Unix(int64(total), 0).Add(took),
			Status: sdktrace.Status{Code: code},
		}
		if err := m.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{s.Snapshot()}); err != nil {
			t.Error(err)
		}
	}
	flood := func() {
		for range 1000 {
			add("block", 7, 8, time.Millisecond, codes.Unset)
			add("wake", 9, 8, 0, codes.Unset)
			add("write", 8, 1, time.Millisecond, codes.Unset)
		}
	}
	add("handshake", 1, 0, time.Millisecond, codes.Unset)
	flood()
	add("write", 2, 1, 0, codes.Error)
	flood()
	add("block", 3, 5, 10*time.Millisecond, codes.Unset)
	add("wake", 4, 5, 0, codes.Unset)
	add("write", 5, 1, 10*time.Millisecond, codes.Unset)
	flood()
	add("sen_data", 6, 1, time.Second, codes.Unset)

	spans, dropped := m.Spans()
	if want := total - len(spans); dropped != want || len(spans) > limit {
		t.Errorf("it has %d spans and says that %d of %d were not kept", len(spans), dropped, total)
	}
	var got []string
	for _, s := range spans {
		if id := s.SpanContext().SpanID(); id[0] < 7 {
			got = append(got, fmt.Sprintf("%s %d", s.Name(), id[0]))
		}
	}
	if want := []string{"handshake 1", "write 2", "block 3", "wake 4", "write 5", "sen_data 6"}; !slices.Equal(got, want) {
		t.Errorf("it kept %v, want %v", got, want)
	}
	// The others are the last of the flood.
	for i, s := range spans[len(spans)-1-limit/2 : len(spans)-1] {
		if want := time.Unix(int64(total-limit/2+i), 0); !s.StartTime().Equal(want) {
			t.Errorf("span %d is of %v, want the last ones: %v", i, s.StartTime(), want)
		}
	}

	// However much fails.
	for range 1000 {
		add("write", 2, 1, 0, codes.Error)
	}
	add("close", 6, 1, 0, codes.Error)
	spans, dropped = m.Spans()
	if len(spans) > limit || dropped != total-len(spans) {
		t.Errorf("it has %d spans and says that %d of %d were not kept", len(spans), dropped, total)
	}
	if first, last := spans[0].Name(), spans[len(spans)-1].Name(); first != "handshake" || last != "close" {
		t.Errorf("it kept %s to %s, want the handshake to the close", first, last)
	}

	var none telemetry.Memory
	_ = none.ExportSpans(t.Context(), spans)
	if got, dropped := none.Spans(); len(got) != 0 || dropped != len(spans) {
		t.Errorf("a zero Memory has %d spans, and %d were not kept", len(got), dropped)
	}
}
