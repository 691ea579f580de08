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

// data is what a span says. Fields above Took do not change once the span
// has begun; those below Mu are guarded by it. The order is that of the least
// memory.
type data struct {
	API       oteltrace.Span // the span, or what stands for one that is not recorded
	Parent    oteltrace.Span // only its span context counts
	Context   oteltrace.SpanContext
	StartTime time.Time
	Limits    *limits

	Took     atomic.Int64 // nanoseconds; open: not ended. Written with Mu held
	children atomic.Int32 // negative once the span has ended: they do not change any more
	Kind     uint8        // an oteltrace.SpanKind; does not change
	Parts    uint8        // made by Child, which is not called at the same time

	Code  uint8 // a codes.Code
	Mu    sync.Mutex
	Name  string
	Why   *string                 // of the status Error, its description; nil: none
	Laid  core.Facts              // attributes before Attrs
	Attrs []attribute.KeyValue    // each key once
	Links []oteltrace.SpanContext // without attributes
	Rest  oteltrace.Span          // once it is not nil, has all that can be set
}

// open is how long a span took that has not ended.
const open = math.MinInt64

// Ended reports whether the span has ended.
func (s *data) Ended() bool { return s.Took.Load() != open }

// EndTime returns the end, the zero time until then.
func (s *data) EndTime() time.Time {
	took := s.Took.Load()
	if took == open {
		return time.Time{}
	}
	return s.StartTime.Add(time.Duration(took))
}

// Child counts a child, unless the span has ended.
func (s *data) Child() {
	for n := s.children.Load(); n >= 0 && !s.children.CompareAndSwap(n, n+1); n = s.children.Load() {
	}
}

// Children returns how many children were counted.
func (s *data) Children() int { return int(s.children.Load() & math.MaxInt32) }

// limits are those of the spans of one tracer; what is negative has no limit.
type limits struct {
	Tracer            *tracer
	Attributes, Links int
	Length            int // of a string, in bytes

	// Overflow returns a span of the SDK with all that s holds. It is called with
	// s.Mu held, at the first thing that goes beyond the limits or what is done here.
	Overflow func(s *data) oteltrace.Span
}

// Set sets attributes. Of two with one key the later one holds.
func (s *data) Set(attrs ...attribute.KeyValue) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if !s.Ended() {
		s.Add(attrs...)
	}
}

// Add is Set for whoever holds Mu, or before Begin.
func (s *data) Add(attrs ...attribute.KeyValue) {
	if s.Rest == nil && !s.Limits.Fit(s.Laid.Len()+len(s.Attrs), attrs) {
		s.Rest = s.Limits.Overflow(s)
	}
	if s.Rest != nil {
		s.Rest.SetAttributes(slices.Clone(attrs)...)
		return
	}
	for i := range attrs {
		s.Attrs = put(s.Attrs, &attrs[i])
	}
}

// put appends an attribute, or puts it in the place of the one with its key.
func put(attrs []attribute.KeyValue, a *attribute.KeyValue) []attribute.KeyValue {
	for i := range attrs {
		if attrs[i].Key == a.Key {
			attrs[i] = *a
			return attrs
		}
	}
	return append(attrs, *a)
}

// Fit reports whether attributes beside n others are within the limits, and of
// types that need no normalization.
func (l *limits) Fit(n int, attrs []attribute.KeyValue) bool {
	if l.Attributes >= 0 && n+len(attrs) > l.Attributes {
		return false
	}
	for i := range attrs {
		a := &attrs[i]
		switch a.Value.Type() {
		case attribute.BOOL, attribute.INT64, attribute.FLOAT64,
			attribute.BOOLSLICE, attribute.INT64SLICE, attribute.FLOAT64SLICE:
		case attribute.STRINGSLICE:
			if l.Length >= 0 {
				return false
			}
		case attribute.STRING:
			if l.Length >= 0 && len(a.Value.AsString()) > l.Length {
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

// AddLink adds a link as the API's method does, for whoever holds Mu, or before Begin.
func (s *data) AddLink(l oteltrace.Link) {
	if s.Rest == nil && (!l.SpanContext.IsValid() || len(l.Attributes) > 0 || s.Limits.Links >= 0 && len(s.Links) >= s.Limits.Links) {
		s.Rest = s.Limits.Overflow(s)
	}
	if s.Rest != nil {
		s.Rest.AddLink(l)
		return
	}
	s.Links = append(s.Links, l.SpanContext)
}

// Finish ends a span, with what is known of it then. why is the description of a
// span's status that failed. It reports whether it had not ended before.
func (s *data) Finish(end time.Time, failed bool, why string, laid *core.Facts, attrs, more []attribute.KeyValue) bool {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	if s.Ended() {
		return false
	}
	if failed {
		s.Fail(why)
	}
	s.Add(attrs...)
	s.lay(laid)
	s.Add(more...)
	s.Took.Store(max(int64(end.Sub(s.StartTime)), open+1))
	s.children.Or(math.MinInt32)
	if s.Rest != nil {
		s.Rest.End(oteltrace.WithTimestamp(end))
	}
	return true
}

// lay keeps the values as they are, where they are the first and fit.
func (s *data) lay(v *core.Facts) {
	l := v.Of
	if l == nil {
		return
	}
	if s.Rest != nil || len(s.Attrs) > 0 || s.Limits.Length >= 0 || !s.Limits.Fit(v.Len()-len(l.Fixed), l.Fixed) {
		s.Add(v.AppendTo(nil)...)
		return
	}
	s.Laid = *v
}

// All returns all attributes, for whoever holds Mu.
func (s *data) All() []attribute.KeyValue {
	if s.Laid.Of != nil {
		all := s.Laid.AppendTo(make([]attribute.KeyValue, 0, s.Laid.Len()+len(s.Attrs)))
		for i := range s.Attrs {
			all = put(all, &s.Attrs[i])
		}
		s.Attrs, s.Laid = all, core.Facts{}
	}
	return s.Attrs
}

// Fail sets the status Error with a description, as the API's method does. The caller
// holds Mu.
func (s *data) Fail(why string) {
	if s.Rest != nil {
		s.Rest.SetStatus(codes.Error, why)
		return
	}
	s.SetStatus(codes.Error)
	if why != "" && codes.Code(s.Code) == codes.Error {
		s.Why = &why
	}
}

// SetStatus sets a status without a description, as the API's method does. The caller
// holds Mu.
func (s *data) SetStatus(c codes.Code) {
	if s.Rest != nil {
		s.Rest.SetStatus(c, "")
		return
	}
	if uint8(c) >= s.Code {
		s.Code, s.Why = uint8(c), nil
	}
}
