package op

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Edge is the begin of a block or of a wake, and what is known of it.
type Edge struct {
	At     time.Duration // since the operation's start, on the monotonic clock
	Reason string

	Cause string // of a wake: the text of what canceled the operation; "": nothing did

	By    oteltrace.SpanContext // what a wake is due to; invalid: not known
	Later *Promise              // of By, which is not valid then; nil: none
	Show  Show                  // what the operation had to come to when a block was over

	// Attrs are what was measured about a block. Nobody changes them any more.
	Attrs []attribute.KeyValue
}

// End is how an operation ended.
type End struct {
	Time       time.Time     // when; zero: now
	At         time.Duration // since its start; Ref.End knows
	ErrorType  string        // "": no error
	Err        error         // whose text says more, nil: none
	Attrs      []attribute.KeyValue
	Facts      Facts
	Suppressed int // spans of blocks that sinks were not told of; Ref.End knows

	Blocks  int           // in all
	Blocked time.Duration // the sum of them
}
