package encode

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/otel/attribute"
)

// The fields of the messages KeyValue, AnyValue, ArrayValue and KeyValueList.
const (
	keyValueKey   = 1
	keyValueValue = 2

	anyString = 1
	anyBool   = 2
	anyInt    = 3
	anyDouble = 4
	anyArray  = 5
	anyList   = 6
	anyBytes  = 7

	arrayValues = 1
	listValues  = 1
)

// SpanAttributes is the field of a span's attributes.
const SpanAttributes = spanAttributes

// Attributes writes attributes as fields of the given number.
func (e *Buffer) Attributes(number byte, attrs []attribute.KeyValue) {
	for i := range attrs {
		e.Attribute(number, attrs[i].Key, &attrs[i].Value)
	}
}

// Attribute writes an attribute as a field of the given number.
func (e *Buffer) Attribute(number byte, key attribute.Key, v *attribute.Value) {
	switch v.Type() {
	case attribute.STRING:
		e.String(number, key, v.AsString())
	case attribute.INT64:
		e.Int(number, key, v.AsInt64())
	case attribute.FLOAT64:
		e.Float(number, key, v.AsFloat64())
	default:
		whole := e.message(number, 1)
		e.text(keyValueKey, string(key))
		at := e.message(keyValueValue, 1)
		e.value(v)
		e.end(at, 1)
		e.end(whole, 1)
	}
}

// String writes an attribute with a string.
func (e *Buffer) String(number byte, key attribute.Key, s string) {
	s = valid(s)
	n := 1 + sizeVarint(uint64(len(s))) + len(s)
	e.keyValue(number, key, n)
	e.b = append(e.b, tag(anyString, bytes))
	e.varint(uint64(len(s)))
	e.b = append(e.b, s...)
}

// Int writes an attribute with an integer.
func (e *Buffer) Int(number byte, key attribute.Key, v int64) {
	e.keyValue(number, key, 1+sizeVarint(uint64(v)))
	e.b = append(e.b, tag(anyInt, varint))
	e.varint(uint64(v))
}

// Float writes an attribute with a floating-point number.
func (e *Buffer) Float(number byte, key attribute.Key, v float64) {
	e.keyValue(number, key, 9)
	e.b = append(e.b, tag(anyDouble, fixed64))
	e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
}

// keyValue begins an attribute. The n bytes of its AnyValue must follow.
func (e *Buffer) keyValue(number byte, key attribute.Key, n int) {
	k := valid(string(key))
	size := 1 + sizeVarint(uint64(n)) + n
	if k != "" {
		size += 1 + sizeVarint(uint64(len(k))) + len(k)
	}
	e.b = append(e.b, tag(number, bytes))
	e.varint(uint64(size))
	if k != "" {
		e.b = append(e.b, tag(keyValueKey, bytes))
		e.varint(uint64(len(k)))
		e.b = append(e.b, k...)
	}
	e.b = append(e.b, tag(keyValueValue, bytes))
	e.varint(uint64(n))
}

// value writes the content of an AnyValue, which is nothing for an empty one.
func (e *Buffer) value(v *attribute.Value) {
	switch v.Type() {
	case attribute.EMPTY:
	case attribute.BOOL:
		e.bool(v.AsBool())
	case attribute.INT64:
		e.int(v.AsInt64())
	case attribute.FLOAT64:
		e.float(v.AsFloat64())
	case attribute.STRING:
		e.string(anyString, v.AsString())
	case attribute.BYTESLICE:
		e.bytes(anyBytes, v.AsByteSlice())
	case attribute.BOOLSLICE:
		array(e, v.AsBoolSlice(), func(v *bool) { e.bool(*v) })
	case attribute.INT64SLICE:
		array(e, v.AsInt64Slice(), func(v *int64) { e.int(*v) })
	case attribute.FLOAT64SLICE:
		array(e, v.AsFloat64Slice(), func(v *float64) { e.float(*v) })
	case attribute.STRINGSLICE:
		array(e, v.AsStringSlice(), func(v *string) { e.string(anyString, *v) })
	case attribute.SLICE:
		array(e, v.AsSlice(), e.value)
	case attribute.MAP:
		at := e.message(anyList, 1)
		e.Attributes(listValues, v.AsMap())
		e.end(at, 1)
	default: // of a later version of the API
		e.string(anyString, "INVALID")
	}
}

// array writes an ArrayValue.
func array[T any](e *Buffer, values []T, write func(*T)) {
	whole := e.message(anyArray, 1)
	for i := range values {
		at := e.message(arrayValues, 1)
		write(&values[i])
		e.end(at, 1)
	}
	e.end(whole, 1)
}

func (e *Buffer) bool(v bool) {
	e.b = append(e.b, tag(anyBool, varint), 0)
	if v {
		e.b[len(e.b)-1] = 1
	}
}

func (e *Buffer) int(v int64) {
	e.b = append(e.b, tag(anyInt, varint))
	e.varint(uint64(v))
}

func (e *Buffer) float(v float64) {
	e.b = append(e.b, tag(anyDouble, fixed64))
	e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
}

// bytes writes a field with bytes.
func (e *Buffer) bytes(number byte, v []byte) {
	e.b = append(e.b, tag(number, bytes))
	e.varint(uint64(len(v)))
	e.b = append(e.b, v...)
}
