// Package spanbuf keeps the spans for exporters that print at the end of a program.
package spanbuf

import (
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Buffer keeps the first Max spans. Methods are safe for concurrent use.
type Buffer struct {
	Max int

	mu      sync.Mutex
	spans   []sdktrace.ReadOnlySpan
	dropped int
	closed  bool
}

// Add adds spans, and counts those beyond Max.
func (b *Buffer) Add(spans []sdktrace.ReadOnlySpan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := max(min(len(spans), b.Max-len(b.spans)), 0)
	b.spans = append(b.spans, spans[:kept]...)
	b.dropped += len(spans) - kept
}

// Spans returns the kept spans, and how many were dropped. The slice must not be changed.
func (b *Buffer) Spans() (spans []sdktrace.ReadOnlySpan, dropped int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.spans[:len(b.spans):len(b.spans)], b.dropped
}

// Close reports whether this is its first call.
func (b *Buffer) Close() (first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	first = !b.closed
	b.closed = true
	return first
}
