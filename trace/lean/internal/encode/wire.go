// Package encode writes spans as the binary protobuf of OTLP's
// ExportTraceServiceRequest, without a protobuf runtime and without allocation for a span:
// what an OTLP exporter of OpenTelemetry sends of the same spans, field by field.
package encode

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"
)

// A Buffer is a protobuf message that is being written. The zero Buffer is empty and
// ready to use.
type Buffer struct{ b []byte }

// The types of fields.
const (
	varint  = 0
	fixed64 = 1
	bytes   = 2
	fixed32 = 5
)

// tag begins the field of a number up to 15.
func tag(number, kind byte) byte { return number<<3 | kind }

func sizeVarint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

func (e *Buffer) varint(v uint64) {
	for v >= 0x80 {
		e.b = append(e.b, byte(v)|0x80)
		v >>= 7
	}
	e.b = append(e.b, byte(v))
}

// uint writes a field with a number, unless it is 0.
func (e *Buffer) uint(number byte, v uint64) {
	if v != 0 {
		e.b = append(e.b, tag(number, varint))
		e.varint(v)
	}
}

// nanos writes a field with a time in Unix nanoseconds, unless it is 0.
func (e *Buffer) nanos(number byte, ns int64) {
	if ns > 0 {
		e.b = append(e.b, tag(number, fixed64))
		e.b = binary.LittleEndian.AppendUint64(e.b, uint64(ns))
	}
}

// text writes a field with a string, unless it is empty.
func (e *Buffer) text(number byte, s string) {
	if s != "" {
		e.string(number, s)
	}
}

// string writes a field with a string. What is not UTF-8, which a receiver refuses with
// all that is beside it, is replaced.
func (e *Buffer) string(number byte, s string) {
	s = valid(s)
	e.b = append(e.b, tag(number, bytes))
	e.varint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// message begins a field with a message, of which a length of so many bytes is
// expected. It returns what end takes.
func (e *Buffer) message(number byte, room int) int {
	e.b = append(e.b, tag(number, bytes))
	for range room {
		e.b = append(e.b, 0)
	}
	return len(e.b)
}

// end ends the message that begins at the given place, with room for its length
// before it. It moves the message where that was expected to be longer or shorter.
func (e *Buffer) end(at, room int) {
	n := len(e.b) - at
	if need := sizeVarint(uint64(n)); need != room {
		for range need - room {
			e.b = append(e.b, 0)
		}
		copy(e.b[at+need-room:], e.b[at:at+n])
		e.b = e.b[:at+need-room+n]
		at += need - room
		room = need
	}
	length := e.b[at-room : at : at]
	for i, v := 0, uint64(n); i < room; i, v = i+1, v>>7 {
		length[i] = byte(v) | 0x80
	}
	length[room-1] &= 0x7f
}
