// Package tracepong encodes and decodes trace pongs: unsolicited pong frames (RFC 6455
// §5.5.3) that name the span that writes the next message to the peer. docs/wire.md has
// the layout and the rules.
//
// [Append] makes one. A [Stream] removes those of the peer from the received bytes, in
// chunks of any size. The peer is not trusted: a trace pong has one length and one form,
// and anything else is only reported as malformed.
//
// A Stream is not safe for concurrent use. Nothing allocates, except Append if dst is too
// small.
package tracepong

import (
	"crypto/rand"
	"encoding/binary"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Header is the header of the handshake by which both ends announce that they remove trace
// pongs, and Version its value, the version of the layout.
const (
	Header  = "Wakechain-Trace-Pongs"
	Version = "1"
)

// The payload: the magic, the number, the trace id, the span id, the flags.
const (
	numberAt = len(magic)
	traceAt  = numberAt + 4
	spanAt   = traceAt + 16
	flagsAt  = spanAt + 8

	// PayloadSize is the length of the payload, in bytes.
	PayloadSize = flagsAt + 1
)

// magic is the beginning of the payload. No text begins with it: UTF-8 has no 0xF5.
const magic = "\xf5wk\x01"

const (
	firstByte = 0x8A // FIN, no extension, pong
	maskBit   = 0x80
)

// Pong is the content of a trace pong.
type Pong struct {
	// Number is the number of the message behind it, in its direction, from 1, modulo
	// 2^32.
	Number uint32

	// Write is the span that writes the message. It is sampled, and remote on
	// the side that received it.
	Write oteltrace.SpanContext

	// Stall requests the peer's history: Write is the root of the trace of a stall that
	// has ended, and does not write the message.
	Stall bool
}

// stallFlag is the bit of the flags for Stall. Trace Context does not use it.
const stallFlag = 0x80

// Append appends the frame of p to dst, masked with a random key if it is a
// client's (RFC 6455 §5.3): [PayloadSize] and 2 or 6 bytes.
func Append(dst []byte, p Pong, client bool) []byte {
	var key [4]byte
	if client {
		_, _ = rand.Read(key[:]) // it never fails
		dst = append(dst, firstByte, byte(PayloadSize)|maskBit)
		dst = append(dst, key[:]...)
	} else {
		dst = append(dst, firstByte, byte(PayloadSize))
	}
	traceID, spanID := p.Write.TraceID(), p.Write.SpanID()
	start := len(dst)
	dst = append(dst, magic...)
	dst = binary.BigEndian.AppendUint32(dst, p.Number)
	dst = append(dst, traceID[:]...)
	dst = append(dst, spanID[:]...)
	flags := byte(p.Write.TraceFlags()) &^ stallFlag
	if p.Stall {
		flags |= stallFlag
	}
	dst = append(dst, flags)
	for i := range dst[start:] {
		dst[start+i] ^= key[i%4]
	}
	return dst
}

// parse decodes the unmasked payload of a pong that begins with the magic. ok is false if it
// is not a trace pong.
func parse(payload []byte) (p Pong, ok bool) {
	if len(payload) != PayloadSize {
		return Pong{}, false
	}
	p.Number = binary.BigEndian.Uint32(payload[numberAt:])
	p.Write = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID:    oteltrace.TraceID(payload[traceAt:]),
		SpanID:     oteltrace.SpanID(payload[spanAt:]),
		TraceFlags: oteltrace.TraceFlags(payload[flagsAt] &^ stallFlag),
		Remote:     true,
	})
	p.Stall = payload[flagsAt]&stallFlag != 0
	return p, p.Write.IsValid() && p.Write.IsSampled()
}
