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

	// Cause is why an operation blocked, said only with evidence, or the text of what
	// canceled it and so woke it.
	Cause  string
	Source string // how a block was seen

	By oteltrace.SpanContext // what a wake is due to; invalid: not known

	// Evidence is what was measured about a block, Attrs what the caller says of it.
	// Neither changes any more.
	Evidence Appender
	Attrs    []attribute.KeyValue
}

// An Appender makes attributes when somebody asks for them. It is immutable, and may
// be asked by several goroutines.
type Appender interface {
	AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue
}

// End is how an operation ended.
type End struct {
	At        time.Duration // since its start
	ErrorType string        // "": no error
	Attrs     []attribute.KeyValue
	Facts     Facts

	Blocks  int           // in all
	Blocked time.Duration // the sum of them
}

// MaxInts is how many integers a [Schema] may have.
const MaxInts = 4

// A Schema is the attributes that many operations end with: some are the same of
// all, and of the others only the keys are. No key is empty or there twice.
type Schema struct {
	Fixed []attribute.KeyValue
	Text  attribute.Key // of a string
	Ints  [MaxInts]attribute.Key
	N     int // of Ints
}

// Facts are the values of one operation in a [Schema], from which attributes are
// made when somebody asks. The zero Facts are none.
type Facts struct {
	Of   *Schema
	Text string
	Ints [MaxInts]int64
}

// Len returns how many attributes there are.
func (f *Facts) Len() int {
	if f.Of == nil {
		return 0
	}
	return len(f.Of.Fixed) + 1 + f.Of.N
}

// AppendTo appends the attributes.
func (f *Facts) AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	if f.Of == nil {
		return attrs
	}
	attrs = append(append(attrs, f.Of.Fixed...), f.Of.Text.String(f.Text))
	for i, key := range f.Of.Ints[:f.Of.N] {
		attrs = append(attrs, key.Int64(f.Ints[i]))
	}
	return attrs
}
