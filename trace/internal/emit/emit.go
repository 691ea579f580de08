// Package emit is the seam between package trace, which makes spans and knows
// OpenTelemetry's API only, and a provider that takes them for less than the API
// can, package lean.
package emit

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// A Tracer makes spans by the API and, with no option boxed and no attribute
// copied to the heap, in steps: New, Begin, End. Methods are safe for concurrent
// use.
type Tracer interface {
	oteltrace.Tracer

	// New returns a span with room for n attributes, which has not begun.
	New(name string, start time.Time, n int) *Span

	// Begin begins s as a child of the span in ctx. It reports whether s is
	// recorded; if not, s.API is what stands for it in a context.
	Begin(ctx context.Context, s *Span) bool

	// End ends s, once.
	End(s *Span, end time.Time)
}

// A Span is the data of one span. Fields above Mu do not change once the span
// has begun; what follows is guarded by it.
type Span struct {
	API       oteltrace.Span // the span for who has the API only
	Parent    oteltrace.Span // of which only the span context counts
	Context   oteltrace.SpanContext
	Kind      oteltrace.SpanKind
	StartTime time.Time
	Limits    *Limits

	Mu       sync.Mutex
	Name     string
	Took     time.Duration // Open: not ended
	Code     codes.Code
	Children int32
	Attrs    []attribute.KeyValue // each key once
	Links    []oteltrace.Link     // without attributes
	Rest     oteltrace.Span       // once it is not nil, has all that can be set
}

// Open is how long a span took that has not ended.
const Open = time.Duration(math.MinInt64)

// Limits are those of the spans of one tracer; what is negative has no limit.
type Limits struct {
	Tracer            Tracer
	Attributes, Links int
	Length            int // of a string, in bytes

	// Overflow returns a span of the SDK with all that s holds. It is called with
	// s.Mu held, at the first thing that goes beyond the limits or what is done here.
	Overflow func(s *Span) oteltrace.Span
}

// Set sets attributes. Of two with one key the later one holds.
func (s *Span) Set(attrs ...attribute.KeyValue) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Took == Open {
		s.Add(attrs...)
	}
}

// Add is Set for who holds Mu, or before Begin.
func (s *Span) Add(attrs ...attribute.KeyValue) {
	if s.Rest == nil && !s.fits(attrs) {
		s.Rest = s.Limits.Overflow(s)
	}
	if s.Rest != nil {
		s.Rest.SetAttributes(slices.Clone(attrs)...)
		return
	}
	for i := range attrs {
		s.set(&attrs[i])
	}
}

func (s *Span) set(a *attribute.KeyValue) {
	for i := range s.Attrs {
		if s.Attrs[i].Key == a.Key {
			s.Attrs[i] = *a
			return
		}
	}
	s.Attrs = append(s.Attrs, *a)
}

// fits reports whether attributes are within the limits, and of types that need
// no normalization.
func (s *Span) fits(attrs []attribute.KeyValue) bool {
	if s.Limits.Attributes >= 0 && len(s.Attrs)+len(attrs) > s.Limits.Attributes {
		return false
	}
	for i := range attrs {
		a := &attrs[i]
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64,
			attribute.BOOLSLICE, attribute.INT64SLICE, attribute.FLOAT64SLICE:
		case attribute.STRINGSLICE:
			if s.Limits.Length >= 0 {
				return false
			}
		case attribute.STRING:
			if s.Limits.Length >= 0 && len(a.Value.AsString()) > s.Limits.Length {
				return false
			}
		default:
			return false
		}
		if !a.Key.Defined() {
			return false
		}
	}
	return true
}

// AddLink adds a link as the API's method does, for who holds Mu, or before Begin.
func (s *Span) AddLink(l oteltrace.Link) {
	if s.Rest == nil && (!l.SpanContext.IsValid() || len(l.Attributes) > 0 || s.Limits.Links >= 0 && len(s.Links) >= s.Limits.Links) {
		s.Rest = s.Limits.Overflow(s)
	}
	if s.Rest != nil {
		s.Rest.AddLink(l)
		return
	}
	s.Links = append(s.Links, l)
}

// Finish sets what is known of a span when it ends, before End.
func (s *Span) Finish(failed bool, attrs, more []attribute.KeyValue) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Took != Open {
		return
	}
	if failed {
		s.SetStatus(codes.Error)
	}
	s.Add(attrs...)
	s.Add(more...)
}

// SetStatus sets a status without a description, as the API's method does, for
// who holds Mu.
func (s *Span) SetStatus(c codes.Code) {
	if s.Rest != nil {
		s.Rest.SetStatus(c, "")
		return
	}
	s.Code = max(s.Code, c)
}
