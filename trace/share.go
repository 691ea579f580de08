package trace

import (
	"sync/atomic"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Show says whether an operation has a span.
type Show uint8

// What an operation must come to before it has a span.
const (
	ShowAll     Show = iota // nothing: its span begins with it
	ShowBlocked             // a block that becomes a span, or an error
	ShowFailed              // an error
	ShowNone                // it has none, whatever comes
)

// OpConfig is how [Tracer.StartAs] begins an operation. The zero OpConfig is
// what [Start] does.
type OpConfig struct {
	// Show says what the operation must come to before it has a span. The span
	// then begins where the operation did, and the blocks before are told in its
	// totals alone. As long as it has none, [Op.SpanContext] is invalid and
	// [Op.Context] is what it was started with.
	Show Show

	// Share is what its spans count against; nil is nobody's.
	Share *Share

	// Root makes it the root of a new trace; see [Tracer.Root]. The zero
	// SpanContext leaves it a child of the span in its context.
	Root oteltrace.SpanContext

	Links []oteltrace.Link

	// On is what the operation is a part of or waits for, as package live has it; nil
	// is nothing that is known.
	On any

	// Sampled says that the span in the context is, or that there is none, where who
	// starts the operation has looked already.
	Sampled bool
}

// Share is what one trace may have of the spans of operations that belong
// together, such as those of a connection, and counts what was left out.
//
// Where it is used up, operations go on to have spans, since only who starts
// them knows a trace to go on in, but their blocks have none: so that one
// operation alone does not make a trace that grows for ever.
//
// Methods are safe for concurrent use. A nil Share is no bound, and tells
// nothing.
type Share struct {
	bound int64
	made  atomic.Int64
	left  atomic.Int64  // out, of this share
	told  *atomic.Int64 // left out and not told yet, of all
}

// NewShare returns a Share of n spans; for n <= 0 it has no bound.
func NewShare(n int) *Share { return &Share{bound: int64(n), told: new(atomic.Int64)} }

// Next returns the Share of the trace that follows, of n spans. What was left
// out before is told in either.
func (s *Share) Next(n int) *Share { return &Share{bound: int64(n), told: s.told} }

// Spend counts n spans that were made otherwise than by an operation.
func (s *Share) Spend(n int) {
	if s != nil {
		s.made.Add(int64(n))
	}
}

// Spent reports whether the share is used up.
func (s *Share) Spent() bool { return s != nil && s.bound > 0 && s.made.Load() >= s.bound }

// Wanted returns how many spans there would be if none had been left out.
func (s *Share) Wanted() int64 {
	if s == nil {
		return 0
	}
	return s.made.Load() + s.left.Load()
}

// Suppressed returns the number of spans that were left out since it was called
// last: the value of [semconv.SpansSuppressedKey] for the span that tells it.
func (s *Share) Suppressed() int64 {
	if s == nil || s.told.Load() == 0 {
		return 0
	}
	return s.told.Swap(0)
}

// take takes n spans, and reports whether there were as many left.
func (s *Share) take(n int64) bool {
	if s == nil {
		return true
	}
	if s.made.Add(n) > s.bound && s.bound > 0 {
		s.made.Add(-n)
		return false
	}
	return true
}

// leave counts n spans that were left out.
func (s *Share) leave(n int) {
	if s != nil && n > 0 {
		s.left.Add(int64(n))
		s.told.Add(int64(n))
	}
}
