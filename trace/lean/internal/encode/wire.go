// Package encode encodes spans as OTLP's ExportTraceServiceRequest in binary protobuf,
// without a protobuf runtime, and without allocation per span. The fields are the same as
// from OpenTelemetry's exporter.
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

// tag returns the first byte of a field with a number up to 15.
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

// nanos writes a field with a time in Unix nanoseconds, unless it is 0 or less.
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

// string writes a field with a string. It replaces invalid UTF-8, for which a receiver would
// refuse the whole request.
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

// message begins a field with a message. It reserves size bytes for the length, and returns
// the argument for end.
func (e *Buffer) message(number byte, size int) int {
	e.b = append(e.b, tag(number, bytes))
	for range size {
		e.b = append(e.b, 0)
	}
	return len(e.b)
}

// end ends the message that begins at the given place, behind size bytes for its length. If
// the length takes more or fewer bytes, it moves the message.
func (e *Buffer) end(at, size int) {
	n := len(e.b) - at
	if need := sizeVarint(uint64(n)); need != size {
		for range need - size {
			e.b = append(e.b, 0)
		}
		copy(e.b[at+need-size:], e.b[at:at+n])
		e.b = e.b[:at+need-size+n]
		at += need - size
		size = need
	}
	length := e.b[at-size : at : at]
	for i, v := 0, uint64(n); i < size; i, v = i+1, v>>7 {
		length[i] = byte(v) | 0x80
	}
	length[size-1] &= 0x7f
}
