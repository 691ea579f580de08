// Package traceevent writes a chain in the Trace Event Format, the JSON that
// Perfetto (https://ui.perfetto.dev) and Chrome's tracing page open.
//
//	err := traceevent.Write(file, c)
//
// Each process of the chain is one there, and each goroutine a track (a "thread") with
// its spans inside one another. Spans that overlap without one being inside the other
// get further tracks of the same name, as the format has no other way to show them.
// Links are arrows, above all those from a wake to its cause. A span that had not
// ended, and a block that still lasts ([chain.Span.StillBlocked]), has a beginning and
// no end: Perfetto says "did not end". Attributes, status and ids are the arguments of
// a slice.
//
// Times are those of the chain, in microseconds since its start with three decimals.
//
// The cost is O(n log n) for n spans.
package traceevent
