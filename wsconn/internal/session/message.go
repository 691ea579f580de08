package session

import (
	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// message is what the frames of one message told. The zero message was not
// seen.
type message struct {
	index  int // in its direction, from 1; 0 until the last frame has passed
	frames int
	bytes  int64 // with headers, as on the wire

	payload    int64 // bytes
	compressed bool

	origin oteltrace.SpanContext // the peer's write, where a trace pong told it
}

// add counts the part of a data frame that is in g.
func (m *message) add(g frame.Segment) {
	if g.HeaderEnd {
		m.frames++
		m.bytes += int64(g.Header.Size)
		m.payload += g.Header.Length
		m.compressed = m.compressed || g.Header.RSV1
	}
	m.bytes += int64(len(g.Payload))
}

// whole reports whether size bytes are all of a message that has passed. Of a
// compressed one that is not known.
func (m message) whole(size int64) bool {
	return m.index > 0 && !m.compressed && m.payload == size
}

// attributes appends those of a message of size bytes.
func (m message) attributes(attrs []attribute.KeyValue, size int64) []attribute.KeyValue {
	attrs = append(attrs, trace.WebSocketMessageSizeKey.Int64(size))
	if m.index > 0 {
		attrs = append(attrs,
			trace.WebSocketMessageIndexKey.Int(m.index),
			trace.WebSocketFrameCountKey.Int(m.frames),
			trace.WebSocketWireSizeKey.Int64(m.bytes))
	}
	return attrs
}

var (
	receive  = trace.NetworkIODirectionKey.String("receive")
	transmit = trace.NetworkIODirectionKey.String("transmit")
)

// messageTypeAttr names a message type, which both libraries number as the
// opcodes of RFC 6455 §5.2 do.
func messageTypeAttr(t int) attribute.KeyValue {
	return trace.WebSocketMessageTypeKey.String(frame.Opcode(t).String())
}
