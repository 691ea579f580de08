package trace

import (
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// culprits are the operations that the span of a goroutine links to. They are guarded
// by its Task's mutex.
type culprits struct {
	longest  longest   // block since the last lap
	failures []failure // the latest, at most maxFailures
}

// longest is a block, and its operation.
type longest struct {
	ref    core.Ref
	since  time.Time
	took   time.Duration // since the last lap
	reason semconv.Reason
	cause  semconv.Cause
	span   oteltrace.SpanContext // of the operation; invalid: it has none, or not yet
}

// failure is an operation that failed.
type failure struct {
	span oteltrace.SpanContext
	err  error
}

// maxFailures is how many failures are kept for a goroutine: what it does after the one
// that it ends with, such as closing a connection, may fail as well.
const maxFailures = 4

// addBlock keeps a block if that is the longest.
func (c *culprits) addBlock(l *longest) {
	if l.took > c.longest.took {
		c.longest = *l
	}
}

// explain sets the cause and the operation's span, which its sink found out, of a block
// that began at since, if that is the longest.
func (t *Task) explain(ref core.Ref, since time.Time, cause semconv.Cause, span oteltrace.SpanContext) {
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		if l := &t.longest; l.ref == ref {
			l.span = span
			if cause != "" && l.since.Equal(since) {
				l.cause = cause
			}
		}
		t.mu.Unlock()
	}
}

// failed keeps an operation that failed.
func (t *Task) failed(f failure) {
	for ; t != nil; t = t.outer {
		t.mu.Lock()
		if len(t.failures) == maxFailures {
			t.failures = append(t.failures[:0], t.failures[1:]...)
		}
		t.failures = append(t.failures, f)
		t.mu.Unlock()
	}
}

// lap appends the attributes of the longest block for the span that ends, returns the
// block, and forgets it.
func (c *culprits) lap(attrs []attribute.KeyValue) ([]attribute.KeyValue, longest) {
	l := c.longest
	c.longest = longest{}
	if l.took <= 0 {
		return attrs, l
	}
	attrs = append(attrs, semconv.BlockLongestDurationKey.Float64(l.took.Seconds()), semconv.BlockLongestReasonKey.String(string(l.reason)))
	if l.cause != "" {
		attrs = append(attrs, semconv.BlockLongestCauseKey.String(string(l.cause)))
	}
	return attrs, l
}

// operation returns the span of the block's operation, which may have one only now. The
// Task's mutex is not held.
func (l *longest) operation() oteltrace.SpanContext {
	if l.span.IsValid() {
		return l.span
	}
	return l.ref.SpanContext()
}

// failedWith returns the span of the first operation that failed with err; invalid: none
// did. Later ones, such as a close, failed because that did. It calls methods of the
// program's errors, so the Task's mutex must not be held.
func failedWith(failures []failure, err error) oteltrace.SpanContext {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.span
		}
	}
	return oteltrace.SpanContext{}
}
