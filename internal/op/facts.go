package op

import (
	"go.opentelemetry.io/otel/attribute"
)

// MaxInts is how many integers a [Schema] may have.
const MaxInts = 4

// A Schema describes the attributes that many operations end with: some are the same
// for all, and the others have fixed keys. No key is empty or occurs twice.
type Schema struct {
	Fixed []attribute.KeyValue
	Text  attribute.Key // of a string; "": none
	Ints  [MaxInts]attribute.Key
	N     int // of Ints

	Blocked attribute.Key // for the seconds that the operation was blocked
}

// Facts are the values of one operation for a [Schema]. Attributes are made of them on
// demand. The zero Facts has none.
type Facts struct {
	Of   *Schema
	Text string
	Ints [MaxInts]int64

	Blocked float64 // seconds; negative: no attribute
}

// Len returns the number of attributes.
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
