// Package lean is a TracerProvider that makes the spans of this module at about half of
// their usual cost. A program uses it by changing one line:
//
//	tp := lean.NewTracerProvider(lean.WithBatcher(exporter)) // was: sdktrace.
//	otel.SetTracerProvider(tp)
//
// A [TracerProvider] is one of the SDK with the same settings, which makes the spans of all
// other instrumentation. Only the tracer of [trace.ScopeName] makes lean spans, each a
// [sdktrace.ReadOnlySpan]: an operation, its block and its wake take one allocation, and
// with the SDK fifteen. The sampler, the id generator, the resource, the span limits and
// every processor's OnStart and OnEnd have the same effect as with the SDK, and the same is
// exported. docs/performance.md has the figures. A span with an event, or one that reaches
// a limit, continues as a span of the SDK.
//
// Five things differ:
//
//   - While the execution tracer runs, goroutines and handshakes are tasks of
//     runtime/trace. Operations, blocks and wakes are not, and cost no more than otherwise.
//   - Processors get spans in bursts: at the latest a second after they ended, or with
//     ForceFlush and Shutdown. This is so if all processors are batch processors of the SDK
//     that do not block, have a large queue, and wait for a second or longer.
//   - ChildSpanCount counts children of the same kind: of a span of the SDK those of the
//     SDK, and of a lean span the lean ones.
//   - OnEnd gets the span itself, which does not change any more, and no copy.
//   - The SDK's experimental metrics about itself (OTEL_GO_X_OBSERVABILITY) do not count
//     lean spans.
//
// Spans that did not fit in the queue of a batch processor are counted (see
// [WithMeterProvider]), and reported to otel.Handle at most once a minute.
//
// It costs least with the default sampler or a ParentBased whose children follow their
// parent, the default generator of ids, and only batch or simple processors: then no code
// outside the SDK affects a block or a wake.
//
// It is a package of its own because it imports OpenTelemetry's SDK, which package trace
// does not.
package lean
