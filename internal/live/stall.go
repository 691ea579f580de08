package live

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Stall is a block in progress, and the content of its span `stalled`.
type Stall struct {
	Since time.Time // when the block began
	At    time.Time // when it was observed

	Below oteltrace.SpanContext // the parent of the span; invalid: that is the operation's span
	Task  any                   // the goroutine; its span, if open, is exported first; nil: none

	Attributes []attribute.KeyValue
	Suppressed int // such spans that were suppressed before
}

// Package trace sets these.
var (
	// HoldBlock keeps the task's operation op in use until RecordStall, and reports
	// whether it is in a block that began at since. A nil task means that the caller
	// keeps op in use. It does not wait.
	HoldBlock = func(task, op any, since time.Time) bool { return false }

	// RecordStall makes the span of a stall of op, which HoldBlock kept, and reports
	// whether it did: the block may be over, or not be traced. busy is true if a sink of
	// the operation was running. RecordStall does not wait for it, and may be called
	// again.
	RecordStall = func(op any, s *Stall) (recorded, busy bool) { return false, false }
)

// Holder is a Source with operations that belong to no task. HoldCall is HoldBlock for
// one of these.
type Holder interface {
	HoldCall(op any, since time.Time) bool
}
