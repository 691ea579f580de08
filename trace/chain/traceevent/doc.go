// Package traceevent writes a chain in the Trace Event Format, the JSON that
// Perfetto (https://ui.perfetto.dev) and Chrome's tracing page open.
//
//	err := traceevent.Write(file, c)
//
// Each process of the chain is a process there, and each goroutine a track (a "thread")
// with nested spans. Spans that overlap without nesting are on further tracks of the same
// name with a number, since the format has no other way to show them. Links are arrows from
// the target to the span that links, such as from the cause of a wake to the wake. A span
// that had not ended, and a block that still lasts ([chain.Span.StillBlocked]), has a
// beginning and no end: Perfetto shows "did not end". Attributes, status and ids are the
// arguments of a slice.
//
// Times are those of the chain, in microseconds since the earliest one, with three
// decimals.
//
// The cost is O(n log n) for n spans.
package traceevent
