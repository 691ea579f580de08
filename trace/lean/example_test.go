package lean_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
)

// A lean provider replaces the SDK's. It takes the SDK's exporters, processors and
// samplers.
func Example() {
	spans := tracetest.NewInMemoryExporter()
	provider := lean.NewTracerProvider(lean.WithBatcher(spans))
	ctx := trace.New(trace.WithTracerProvider(provider)).NewContext(context.Background())
	_ = trace.Handle(ctx, "greet", func(context.Context) error { return nil })

	if err := provider.ForceFlush(ctx); err != nil {
		fmt.Println(err)
	}
	names := map[string]bool{}
	for _, s := range spans.GetSpans() {
		names[s.Name] = true
	}
	fmt.Println(names["greet"])
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: true
}
