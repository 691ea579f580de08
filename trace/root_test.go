package trace_test

import (
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
)

// A root is in a trace of its own, with the sampling of the one it goes on from;
// wsconn tests it with other samplers.
func TestRoot(t *testing.T) {
	for name, test := range map[string]struct {
		sampler sdktrace.Sampler
		flags   oteltrace.TraceFlags
		want    bool
	}{
		"sampled":                             {sdktrace.ParentBased(sdktrace.AlwaysSample()), oteltrace.FlagsSampled, true},
		"sampled because its parent is":       {sdktrace.ParentBased(sdktrace.NeverSample()), oteltrace.FlagsSampled, true},
		"not sampled, of one that is":         {sdktrace.NeverSample(), oteltrace.FlagsSampled, false},
		"not sampled, of one that is not":     {sdktrace.ParentBased(sdktrace.NeverSample()), 0, false},
		"sampled by chance, though of is not": {sdktrace.AlwaysSample(), 0, true},
	} {
		state, _ := oteltrace.ParseTraceState("vendor=1")
		of := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1, 15: 2}, SpanID: oteltrace.SpanID{3}, TraceFlags: test.flags, TraceState: state,
		})
		tracer := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(test.sampler))))
		ctx, span := core.Of(tracer).Root(t.Context(), of, "segment", time.Now())
		if got := span != nil; got != test.want {
			t.Errorf("%s: recorded: got %v, want %v", name, got, test.want)
		}
		got := oteltrace.SpanContextFromContext(ctx)
		if span != nil {
			span.End()
			got = span.SpanContext()
		}
		id, was := got.TraceID(), of.TraceID()
		if id == was || string(id[8:]) != string(was[8:]) || got.SpanID() == of.SpanID() {
			t.Errorf("%s: got trace %v and span %v, want others than %v and %v, but for the last eight bytes", name, id, got.SpanID(), was, of.SpanID())
		}
		if got.IsSampled() != test.want || got.TraceState().String() != state.String() {
			t.Errorf("%s: got flags %v and state %q", name, got.TraceFlags(), got.TraceState())
		}
	}
}
