package live

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Stall is a block in progress, with what a span `stalled` says of it.
type Stall struct {
	Since time.Time // when the block began
	At    time.Time // when it was looked at

	Below oteltrace.SpanContext // the parent of the span; invalid: the operation's, since there is no other
	Task  any                   // the goroutine, whose span is exported first if it is open; nil: none

	Attributes []attribute.KeyValue
	Suppressed int // such spans, left out before
}

// Package trace's: see there.
var (
	// Hold keeps the operation op of the task for Tell, and reports whether it is in a
	// block that began at since. A nil task is none: then the caller knows that op is
	// in use meanwhile. It does not wait.
	HoldBlock = func(task, op any, since time.Time) bool { return false }

	// Tell makes the span of a stall in op, which was held, and reports whether it
	// did: the block may be over, or of no trace. It is busy if a sink of the operation
	// was running, for which Tell does not wait: then it may be tried again.
	RecordStall = func(op any, s *Stall) (told, busy bool) { return false, false }
)

// Holder is a Source that has operations of no task. HoldCall is Hold for one of these.
type Holder interface {
	HoldCall(op any, since time.Time) bool
}
