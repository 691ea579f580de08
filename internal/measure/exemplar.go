package measure

import (
	"context"
	"sync"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Exemplar is a value that was recorded below a sampled span.
type Exemplar struct {
	Value int64
	At    time.Time
	Span  oteltrace.SpanContext
}

// exemplars are the latest of each bucket; nil: none yet.
type exemplars struct {
	mu  sync.Mutex
	all *[MaxBounds + 1]Exemplar
}

// RecordIn is Record for a value below the given span, and makes an exemplar of it if
// the span is sampled.
func (s *Series) RecordIn(sc oteltrace.SpanContext, v int64) {
	s.Record(v)
	s.Note(sc, v)
}

// Note makes an exemplar of a recorded value, if the span is sampled.
func (s *Series) Note(sc oteltrace.SpanContext, v int64) {
	if !sc.IsSampled() {
		return
	}
	now, i := time.Now(), 0
	for i < len(s.of.bounds) && v > s.of.bounds[i] {
		i++
	}
	s.exemplars.mu.Lock()
	defer s.exemplars.mu.Unlock()
	if s.exemplars.all == nil {
		s.exemplars.all = new([MaxBounds + 1]Exemplar)
	}
	s.exemplars.all[i] = Exemplar{v, now, sc}
}

// Exemplars returns the latest exemplar of each bucket that has one since the given time.
func (s *Series) Exemplars(since time.Time) (all []Exemplar) {
	s.exemplars.mu.Lock()
	defer s.exemplars.mu.Unlock()
	if s.exemplars.all == nil {
		return nil
	}
	for _, e := range s.exemplars.all {
		if !e.At.IsZero() && !e.At.Before(since) {
			all = append(all, e)
		}
	}
	return all
}

// spanOf returns the span context in ctx.
func spanOf(ctx context.Context) oteltrace.SpanContext {
	return oteltrace.SpanContextFromContext(ctx)
}
