package telemetry

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/codes"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// stall is the shortest block that is notable.
const stall = 10 * time.Millisecond

// Memory is an exporter that keeps at most Limit spans, and counts the others. Half of
// them are notable: failed operations, blocks of 10 ms or longer and their operations,
// and everything except reads, writes and their blocks. The other half are the latest of
// the rest. The zero value keeps none. It is safe for concurrent use.
type Memory struct {
	Limit int

	mu      sync.Mutex
	total   int
	first   []numbered // of the notable ones, a quarter of Limit
	telling latest
	last    latest
	stalled map[oteltrace.SpanID]bool // operations that have not ended
}

var _ sdktrace.SpanExporter = (*Memory)(nil)

// numbered is a span with its number among all exported ones.
type numbered struct {
	sdktrace.ReadOnlySpan
	n int
}

// latest are the last spans of a kind.
type latest struct {
	spans []numbered
	next  int
}

func (l *latest) add(s numbered, limit int) {
	switch {
	case len(l.spans) < limit:
		l.spans = append(l.spans, s)
	case limit > 0:
		l.spans[l.next] = s
		l.next = (l.next + 1) % limit
	}
}

// ExportSpans keeps spans.
func (m *Memory) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	quarter := m.Limit / 4
	for _, s := range spans {
		span := numbered{s, m.total}
		m.total++
		switch {
		case !m.notable(s):
			m.last.add(span, m.Limit-2*quarter)
		case len(m.first) < quarter:
			m.first = append(m.first, span)
		default:
			m.telling.add(span, quarter)
		}
	}
	return nil
}

// notable reports whether to keep a span longer than the latest ones. Children of an
// operation end before it does.
func (m *Memory) notable(s sdktrace.ReadOnlySpan) bool {
	id := s.SpanContext().SpanID()
	stalled := m.stalled[id]
	delete(m.stalled, id)
	switch semconv.KindOf(s.Name()) {
	case semconv.SpanRead, semconv.SpanWrite:
		return stalled || s.Status().Code == codes.Error
	case semconv.SpanBlock:
		if s.EndTime().Sub(s.StartTime()) < stall {
			return m.stalled[s.Parent().SpanID()]
		}
		if m.stalled == nil {
			m.stalled = make(map[oteltrace.SpanID]bool)
		}
		if len(m.stalled) < m.Limit {
			m.stalled[s.Parent().SpanID()] = true
		}
		return true
	case semconv.SpanWake:
		return m.stalled[s.Parent().SpanID()]
	}
	return true
}

// Shutdown does nothing: the spans are still needed.
func (m *Memory) Shutdown(context.Context) error { return nil }

// Spans returns the kept spans in the order of their ends, and the number of the
// others.
func (m *Memory) Spans() (spans []sdktrace.ReadOnlySpan, dropped int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept := slices.Concat(m.first, m.telling.spans, m.last.spans)
	slices.SortFunc(kept, func(x, y numbered) int { return cmp.Compare(x.n, y.n) })
	for _, s := range kept {
		spans = append(spans, s.ReadOnlySpan)
	}
	return spans, m.total - len(spans)
}
