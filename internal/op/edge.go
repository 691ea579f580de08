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
	Time      time.Time     // when; zero: now
	At        time.Duration // since its start; Ref.End knows
	ErrorType string        // "": no error
	Err       error         // whose text says more, nil: none
	Attrs     []attribute.KeyValue
	Facts     Facts
	Left      int // spans of blocks that sinks were not told of; Ref.End knows

	Blocks  int           // in all
	Blocked time.Duration // the sum of them
}

// MaxInts is how many integers a [Schema] may have.
const MaxInts = 4

// A Schema is the attributes that many operations end with: some are the same of
// all, and of the others only the keys are. No key is empty or there twice.
type Schema struct {
	Fixed []attribute.KeyValue
	Text  attribute.Key // of a string; "": none
	Ints  [MaxInts]attribute.Key
	N     int // of Ints

	Blocked attribute.Key // of the seconds that the operation was blocked
}

// Facts are the values of one operation in a [Schema], from which attributes are
// made when somebody asks. The zero Facts are none.
type Facts struct {
	Of   *Schema
	Text string
	Ints [MaxInts]int64

	Blocked float64 // seconds; negative: no attribute
}

// Len returns how many attributes there are.
func (f *Facts) Len() int {
	if f.Of == nil {
		return 0
	}
	n := len(f.Of.Fixed) + f.Of.N
	if f.Of.Text != "" {
		n++
	}
	if f.Blocked >= 0 {
		n++
	}
	return n
}

// AppendTo appends the attributes.
func (f *Facts) AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	if f.Of == nil {
		return attrs
	}
	attrs = append(attrs, f.Of.Fixed...)
	if f.Of.Text != "" {
		attrs = append(attrs, f.Of.Text.String(f.Text))
	}
	for i, key := range f.Of.Ints[:f.Of.N] {
		attrs = append(attrs, key.Int64(f.Ints[i]))
	}
	if f.Blocked >= 0 {
		attrs = append(attrs, f.Of.Blocked.Float64(f.Blocked))
	}
	return attrs
}
