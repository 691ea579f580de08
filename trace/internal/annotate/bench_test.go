package annotate_test

import (
	"io"
	"testing"

	rtrace "runtime/trace"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/annotate"
)

var sampled = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
	TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, TraceFlags: oteltrace.FlagsSampled,
})

func BenchmarkOff(b *testing.B) {
	for b.Loop() {
		if annotate.On() {
			annotate.Begin(sampled)
		}
	}
}

func BenchmarkOn(b *testing.B) {
	if err := rtrace.Start(io.Discard); err != nil {
		b.Skip("a tracer runs: ", err)
	}
	defer rtrace.Stop()
	b.ReportAllocs()
	for b.Loop() {
		if annotate.On() {
			annotate.Begin(sampled)
		}
	}
}
