// Package lean is a TracerProvider that makes the spans of this module for about
// half of what they cost otherwise. It takes the place of the SDK's by one line of
// the program that builds it:
//
//	tp := lean.NewTracerProvider(lean.WithBatcher(exporter)) // was: sdktrace.
//	otel.SetTracerProvider(tp)
//
// Nothing else changes. A [TracerProvider] is one of the SDK with the same
// settings, which makes the spans of everybody else; to the tracer of
// [trace.ScopeName] alone it gives spans of its own, each a
// [sdktrace.ReadOnlySpan]: an operation, its block and its wake are one allocation
// where the SDK's take fifteen. The sampler, the id generator, the resource, the span
// limits and every processor's OnStart and OnEnd are what they are with the SDK, and so
// is what is exported; docs/performance.md has the figures. What is beyond a few
// attributes, such as an event, or a limit that is reached, is left to a span of the SDK.
//
// Five things are not the same:
//
//   - While the execution tracer runs, goroutines and handshakes are tasks of
//     runtime/trace, but operations, blocks and wakes are not: they stay as cheap.
//   - Spans come to the processors in bursts, where each is a batch processor of the SDK
//     that does not block, whose queue is not short and which waits a second or longer:
//     at the latest a second after they ended, or with ForceFlush and Shutdown.
//   - ChildSpanCount counts children of the same kind: the SDK's of the SDK's spans, and
//     ours of ours.
//   - OnEnd gets the span itself, which does not change any more, and no copy.
//   - The SDK's experimental metrics about itself (OTEL_GO_X_OBSERVABILITY) do not count
//     the tracer's spans.
//
// Spans that a batch processor has no room for are counted (see [WithMeterProvider]),
// and reported to otel.Handle at most once a minute.
//
// It costs least with the default sampler or any ParentBased whose children follow
// their parent, the default generator of ids, and only batch or simple processors: then
// nobody but the SDK has a say in a block or a wake.
//
// It is a package of its own because it imports OpenTelemetry's SDK, which package
// trace leaves to the program.
package lean
