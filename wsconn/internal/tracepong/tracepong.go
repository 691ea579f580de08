// Package tracepong is the codec of trace pongs: unsolicited pong frames (RFC
// 6455 §5.5.3) that tell the peer which span writes the message behind them.
// docs/wire.md has the layout and the rules.
//
// [Append] makes one; a [Stream] takes those of the peer off its bytes, in
// whatever chunks they come. What comes from a peer is not trusted: a trace pong
// has one length and one form, and anything else is no more than counted by the
// caller.
//
// Nothing here is safe for concurrent use, and nothing allocates but Append
// where dst has no room.
package tracepong

import (
	"crypto/rand"
	"encoding/binary"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Header is the header of the handshake by which both ends announce that they
// take trace pongs off the stream, and Version its value: of the layout.
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

// magic is what the payload begins with. No text does: 0xF5 is in no UTF-8.
const magic = "\xf5wk\x01"

const (
	firstByte = 0x8A // FIN, no extension, pong
	maskBit   = 0x80
)

// Pong is what a trace pong says.
type Pong struct {
	// Number is that of the message that it stands before: of its direction,
	// from 1, modulo 2^32.
	Number uint32

	// Write is the span that writes the message. It is sampled, and remote on
	// the side that received it.
	Write oteltrace.SpanContext

	// Stall asks for what passed on the peer's side: Write is the root of the trace of
	// a stall that is over, and does not write the message.
	Stall bool
}

// stallFlag is the bit of the flags that says so. Trace Context has no meaning for it.
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

// parse reads the unmasked payload of a frame that begins with the magic. It is
// false if that is no trace pong.
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
