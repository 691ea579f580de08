package lean

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// data is the state of a span. Fields above took do not change once the span has begun.
// mu guards those below it. The order of fields takes the least memory.
type data struct {
	api     oteltrace.Span // the span, or the stand-in of one that is not recorded
	parent  oteltrace.Span // only its span context is used
	context oteltrace.SpanContext
	start   time.Time
	limits  *limits

	took     atomic.Int64 // nanoseconds; open: not ended. Written with mu held
	children atomic.Int32 // negative once the span has ended: then they do not change
	kind     uint8        // an oteltrace.SpanKind; does not change
	parts    uint8        // made by Child, whose calls do not overlap

	code  uint8 // a codes.Code
	mu    sync.Mutex
	name  string
	why   *string                 // the description of the status Error; nil: none
	facts core.Facts              // attributes before attrs
	attrs []attribute.KeyValue    // each key once
	links []oteltrace.SpanContext // without attributes
	rest  oteltrace.Span          // unless nil, it has everything that can be set
}

// open is the took of a span that has not ended.
const open = math.MinInt64

// ended reports whether the span has ended.
func (s *data) ended() bool { return s.took.Load() != open }

// endTime returns the end; zero: the span has not ended.
func (s *data) endTime() time.Time {
	took := s.took.Load()
	if took == open {
		return time.Time{}
	}
	return s.start.Add(time.Duration(took))
}

// countChild counts a child, unless the span has ended.
func (s *data) countChild() {
	for n := s.children.Load(); n >= 0 && !s.children.CompareAndSwap(n, n+1); n = s.children.Load() {
	}
}

// childCount returns how many children were counted.
func (s *data) childCount() int { return int(s.children.Load() & math.MaxInt32) }

// limits are the limits of one tracer's spans. A negative one means no limit.
type limits struct {
	tracer            *tracer
	attributes, links int
	length            int // of a string, in bytes

	// overflow returns a span of the SDK with all that s has. It is called with s.mu held,
	// when s first exceeds the limits, or gets what package lean does not implement.
	overflow func(s *data) oteltrace.Span
}

// set sets attributes. Of two with the same key the later one counts.
func (s *data) set(attrs ...attribute.KeyValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended() {
		s.add(attrs...)
	}
}

// add is set for a caller that holds mu, or for a span that has not begun.
func (s *data) add(attrs ...attribute.KeyValue) {
	if s.rest == nil && !s.limits.fit(s.facts.Len()+len(s.attrs), attrs) {
		s.rest = s.limits.overflow(s)
	}
	if s.rest != nil {
		s.rest.SetAttributes(slices.Clone(attrs)...)
		return
	}
	for i := range attrs {
		s.attrs = put(s.attrs, &attrs[i])
	}
}

// put appends an attribute, or replaces the one with its key.
func put(attrs []attribute.KeyValue, a *attribute.KeyValue) []attribute.KeyValue {
	for i := range attrs {
		if attrs[i].Key == a.Key {
			attrs[i] = *a
			return attrs
		}
	}
	return append(attrs, *a)
}

// fit reports whether attributes, beside n others, are within the limits, and of types that
// need no normalization.
func (l *limits) fit(n int, attrs []attribute.KeyValue) bool {
	if l.attributes >= 0 && n+len(attrs) > l.attributes {
		return false
	}
	for i := range attrs {
		a := &attrs[i]
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64,
			attribute.BOOLSLICE, attribute.INT64SLICE, attribute.FLOAT64SLICE:
		case attribute.STRINGSLICE:
			if l.length >= 0 {
				return false
			}
		case attribute.STRING:
			if l.length >= 0 && len(a.Value.AsString()) > l.length {
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

// addLink adds a link as the API's method does. The caller holds mu, or the span has not begun.
func (s *data) addLink(l oteltrace.Link) {
	if s.rest == nil && (!l.SpanContext.IsValid() || len(l.Attributes) > 0 || s.limits.links >= 0 && len(s.links) >= s.limits.links) {
		s.rest = s.limits.overflow(s)
	}
	if s.rest != nil {
		s.rest.AddLink(l)
		return
	}
	s.links = append(s.links, l.SpanContext)
}

// finish ends a span with attributes and, if it has failed, with the status Error and the
// description why. It reports false if the span had ended before.
func (s *data) finish(end time.Time, failed bool, why string, facts *core.Facts, attrs, more []attribute.KeyValue) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended() {
		return false
	}
	if failed {
		s.fail(why)
	}
	s.add(attrs...)
	s.setFacts(facts)
	s.add(more...)
	s.took.Store(max(int64(end.Sub(s.start)), open+1))
	s.children.Or(math.MinInt32)
	if s.rest != nil {
		s.rest.End(oteltrace.WithTimestamp(end))
	}
	return true
}

// setFacts keeps the facts as they are if they come before all attributes and are within the
// limits. Otherwise it adds their attributes.
func (s *data) setFacts(v *core.Facts) {
	l := v.Of
	if l == nil {
		return
	}
	if s.rest != nil || len(s.attrs) > 0 || s.limits.length >= 0 || !s.limits.fit(v.Len()-len(l.Fixed), l.Fixed) {
		s.add(v.AppendTo(nil)...)
		return
	}
	s.facts = *v
}

// all returns all attributes. The caller holds mu.
func (s *data) all() []attribute.KeyValue {
	if s.facts.Of != nil {
		all := s.facts.AppendTo(make([]attribute.KeyValue, 0, s.facts.Len()+len(s.attrs)))
		for i := range s.attrs {
			all = put(all, &s.attrs[i])
		}
		s.attrs, s.facts = all, core.Facts{}
	}
	return s.attrs
}

// fail sets the status Error with a description, as the API's method does. The caller holds
// mu.
func (s *data) fail(why string) {
	if s.rest != nil {
		s.rest.SetStatus(codes.Error, why)
		return
	}
	s.setStatus(codes.Error)
	if why != "" && codes.Code(s.code) == codes.Error {
		s.why = &why
	}
}

// setStatus sets a status without a description, as the API's method does. The caller holds
// mu.
func (s *data) setStatus(c codes.Code) {
	if s.rest != nil {
		s.rest.SetStatus(c, "")
		return
	}
	if uint8(c) >= s.code {
		s.code, s.why = uint8(c), nil
	}
}
