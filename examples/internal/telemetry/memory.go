package telemetry

import (
	"context"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Memory is an exporter that keeps the first Limit spans, and counts the rest.
// The zero value keeps none. It is safe for concurrent use.
type Memory struct {
	Limit int

	mu      sync.Mutex
	spans   []sdktrace.ReadOnlySpan
	dropped int
}

var _ sdktrace.SpanExporter = (*Memory)(nil)

// ExportSpans keeps spans.
func (m *Memory) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := min(len(spans), m.Limit-len(m.spans))
	m.spans = append(m.spans, spans[:kept]...)
	m.dropped += len(spans) - kept
	return nil
}

// Shutdown does nothing: the spans are still wanted.
func (m *Memory) Shutdown(context.Context) error { return nil }

// Spans returns the spans that were kept, and the number of those that were not.
func (m *Memory) Spans() (spans []sdktrace.ReadOnlySpan, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spans, m.dropped
}
