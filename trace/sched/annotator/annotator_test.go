package annotator_test

import (
	"bytes"
	"strings"
	"testing"

	rtrace "runtime/trace"

	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/sched/annotator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// While no tracer runs, the annotator does not look at spans.
func TestOff(t *testing.T) {
	if rtrace.IsEnabled() {
		t.Skip("a tracer runs")
	}
	p := annotator.New()
	if n := testing.AllocsPerRun(100, func() {
		p.OnStart(t.Context(), nil)
		p.OnEnd(nil)
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
	if err := p.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// The execution trace has the ids of sampled spans, and of no others.
func TestOn(t *testing.T) {
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		t.Skip("a tracer runs: ", err)
	}
	_, sampled := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(annotator.New())).Tracer("").Start(t.Context(), "a")
	sampled.End()
	_, dropped := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(annotator.New()), sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("").Start(t.Context(), "b")
	dropped.End()
	rtrace.Stop()
	for _, want := range []string{"+", "-"} {
		sc := sampled.SpanContext()
		if text := want + sc.TraceID().String() + "/" + sc.SpanID().String(); !strings.Contains(buf.String(), text) {
			t.Errorf("the trace has no %q", text)
		}
	}
	if strings.Contains(buf.String(), dropped.SpanContext().SpanID().String()) {
		t.Error("the trace has a span that nobody records")
	}
}
