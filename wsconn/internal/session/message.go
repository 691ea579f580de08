package session

import (
	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
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

// attributes are those of a message of one type in one direction, of size bytes on
// the connection id.
func (m *message) attributes(direction attribute.KeyValue, messageType int, id attribute.KeyValue, size int64) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		direction, semconv.WebSocketMessageTypeKey.String(frame.Opcode(messageType).String()),
		id, semconv.WebSocketMessageSizeKey.Int64(size),
	}
	if m.index > 0 {
		attrs = append(attrs,
			semconv.WebSocketMessageIndexKey.Int(m.index),
			semconv.WebSocketFrameCountKey.Int(m.frames),
			semconv.WebSocketWireSizeKey.Int64(m.bytes))
	}
	return attrs
}

// facts are these attributes in a schema.
func (m *message) facts(l *layouts, id attribute.KeyValue, size int64) core.Facts {
	f := core.Facts{Of: l.unseen, Text: id.Value.AsString()}
	if m.index > 0 {
		f.Of = l.seen
	}
	f.Ints = [core.MaxInts]int64{size, int64(m.index), int64(m.frames), m.bytes}
	return f
}

// layouts are the attributes of messages of one type in one direction: of those
// whose frames were seen, and of those of which only the program's bytes were.
type layouts struct{ seen, unseen *core.Schema }

// schema is that of the fixed attributes, of a string and of some integers.
func schema(fixed []attribute.KeyValue, text attribute.Key, ints ...attribute.Key) *core.Schema {
	x := &core.Schema{Fixed: fixed, Text: text, Blocked: semconv.BlockDurationKey}
	x.N = copy(x.Ints[:], ints)
	return x
}

func newLayouts(direction attribute.KeyValue, o frame.Opcode) *layouts {
	fixed := []attribute.KeyValue{direction, semconv.WebSocketMessageTypeKey.String(o.String())}
	return &layouts{
		seen: schema(fixed, semconv.WebSocketConnectionIDKey, semconv.WebSocketMessageSizeKey,
			semconv.WebSocketMessageIndexKey, semconv.WebSocketFrameCountKey, semconv.WebSocketWireSizeKey),
		unseen: schema(fixed, semconv.WebSocketConnectionIDKey, semconv.WebSocketMessageSizeKey),
	}
}

// byType are the layouts of a direction. Both libraries number message types as RFC
// 6455 §5.2 does opcodes.
type byType struct {
	direction    attribute.KeyValue
	text, binary *layouts
}

func newByType(d attribute.KeyValue) *byType {
	return &byType{d, newLayouts(d, frame.Text), newLayouts(d, frame.Binary)}
}

var received, transmitted = newByType(receive), newByType(transmit)

// endWith ends op, of the connection id, with a message of size bytes.
func (m *message) endWith(op trace.Op, b *byType, messageType int, id attribute.KeyValue, size int64) {
	switch frame.Opcode(messageType) {
	case frame.Text:
		core.Ref(op).End(&core.End{Facts: m.facts(b.text, id, size)})
	case frame.Binary:
		core.Ref(op).End(&core.End{Facts: m.facts(b.binary, id, size)})
	default: // a library may write what does not exist
		op.End(nil, m.attributes(b.direction, messageType, id, size)...)
	}
}

var (
	receive  = semconv.NetworkIODirectionKey.String("receive")
	transmit = semconv.NetworkIODirectionKey.String("transmit")
)
