package lean_test

import (
	"context"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace/lean"
)

// This test fails as soon as a newer SDK is not what unexported.go assumes.
func TestUnexported(t *testing.T) {
	batch := sdktrace.NewBatchSpanProcessor(tracetest.NewNoopExporter())
	simple := sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter())
	defer func() { _ = batch.Shutdown(context.Background()) }()
	for name, ok := range map[string]bool{
		"the batch processor's type":                    lean.Quiet(batch),
		"the simple processor's type":                   lean.Quiet(simple),
		"the batch processor's settings, by MarshalLog": lean.Gathers(batch),
		"the batch processor's counter of refusals":     lean.Refused(batch) != nil,
		"a simple processor has no such counter":        lean.Refused(simple) == nil,
		"the default sampler":                           lean.Follows(nil),
		"AlwaysSample":                                  lean.Follows(sdktrace.AlwaysSample()),
		"ParentBased, by its fields":                    lean.Follows(sdktrace.ParentBased(sdktrace.NeverSample())),
		"a simple processor is no batch processor":      !lean.Gathers(simple),
		"NeverSample does not follow":                   !lean.Follows(sdktrace.NeverSample()),
		"ParentBased that drops children": !lean.Follows(sdktrace.ParentBased(sdktrace.AlwaysSample(),
			sdktrace.WithLocalParentSampled(sdktrace.NeverSample()))),
	} {
		if !ok {
			t.Errorf("the SDK has changed: %s", name)
		}
	}
}
