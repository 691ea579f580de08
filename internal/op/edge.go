package op

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Edge is the beginning of a block or of a wake, with what is known about it.
type Edge struct {
	At     time.Duration // since the operation's start, on the monotonic clock
	Reason string

	Cause string // of a wake: the text of the error that canceled the operation; "": none

	By    oteltrace.SpanContext // the cause of a wake; invalid: not known
	Later *Promise              // of By, which is invalid then; nil: none
	Show  Show                  // of the operation, at the end of the block

	// Attrs are measurements of the block. They must not change.
	Attrs []attribute.KeyValue
}

// forget drops references.
func (e *Edge) forget() { e.Later, e.Attrs = nil, nil }

// End is how an operation ended.
type End struct {
	Time       time.Time     // zero: now
	At         time.Duration // since the start; set by Ref.End
	ErrorType  string        // "": no error
	Err        error         // its text describes the error; nil: none
	Attrs      []attribute.KeyValue
	Facts      Facts
	Suppressed int // spans of blocks that did not reach the sinks; set by Ref.End

	Blocks  int           // their number; set by Ref.End
	Blocked time.Duration // their sum; set by Ref.End
}
