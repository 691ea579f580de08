package emit

import "go.opentelemetry.io/otel/attribute"

// MaxInts is how many integers a Layout may have.
const MaxInts = 4

// A Layout is the attributes that many spans have, but for the values.
type Layout struct {
	Fixed   []attribute.KeyValue
	Text    attribute.Key // "": none
	Ints    [MaxInts]attribute.Key
	N       int // of Ints
	Blocked attribute.Key
}

// Values are those of one span. The zero Values are of none.
type Values struct {
	Layout  *Layout
	Text    string
	Ints    [MaxInts]int64
	Blocked float64 // seconds; negative: no attribute
}

// Len returns how many attributes there are.
func (v *Values) Len() int {
	l := v.Layout
	if l == nil {
		return 0
	}
	n := len(l.Fixed) + l.N
	if l.Text != "" {
		n++
	}
	if v.Blocked >= 0 {
		n++
	}
	return n
}

// Append appends them.
func (v *Values) Append(attrs []attribute.KeyValue) []attribute.KeyValue {
	l := v.Layout
	if l == nil {
		return attrs
	}
	attrs = append(attrs, l.Fixed...)
	if l.Text != "" {
		attrs = append(attrs, l.Text.String(v.Text))
	}
	for i, key := range l.Ints[:l.N] {
		attrs = append(attrs, key.Int64(v.Ints[i]))
	}
	if v.Blocked >= 0 {
		attrs = append(attrs, l.Blocked.Float64(v.Blocked))
	}
	return attrs
}
