package session

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// message is what the frames of a message show. The zero message was not seen.
type message struct {
	index  int // in its direction, from 1; 0 until the last frame has passed
	frames int
	bytes  int64 // with headers, as on the wire

	opcode     frame.Opcode
	payload    int64 // bytes
	compressed bool
	left       bool // the program's read of it has ended before it was complete

	origin oteltrace.SpanContext // the peer's write, if a trace pong named it
}

// add counts the part of a data frame that is in g.
func (m *message) add(g *frame.Segment) {
	if g.HeaderEnd {
		if m.frames == 0 {
			m.opcode = g.Header.Opcode
		}
		m.frames++
		m.bytes += int64(g.Header.Size)
		m.payload += g.Header.Length
		m.compressed = m.compressed || g.Header.RSV1
	}
	m.bytes += int64(len(g.Payload))
}

// whole reports whether size bytes are all of a complete message; false for a
// compressed one, whose size is not known.
func (m message) whole(size int64) bool {
	return m.index > 0 && !m.compressed && m.payload == size
}

// known returns the size and the type of a message. A negative size and a type of 0 are
// taken from its frames.
func (m *message) known(size int64, typ frame.Opcode) (int64, frame.Opcode) {
	if size < 0 && m.index > 0 && !m.compressed {
		size = m.payload
	}
	if typ == 0 {
		typ = m.opcode
	}
	return size, typ
}

// attributes returns the attributes of a message of size bytes on the connection id. A
// negative size is not known.
func (m *message) attributes(direction attribute.KeyValue, typ frame.Opcode, id attribute.KeyValue, size int64) []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		direction, semconv.WebSocketMessageTypeKey.String(typ.String()),
		id,
	}
	if size >= 0 {
		attrs = append(attrs, semconv.WebSocketMessageSizeKey.Int64(size))
	}
	if m.index > 0 {
		attrs = append(attrs,
			semconv.WebSocketMessageIndexKey.Int(m.index),
			semconv.WebSocketFrameCountKey.Int(m.frames),
			semconv.WebSocketWireSizeKey.Int64(m.bytes))
	}
	return attrs
}

// facts returns the same as attributes, as values of a schema.
func (m *message) facts(l *layouts, id attribute.KeyValue, size int64) core.Facts {
	f := core.Facts{Of: l.unseen, Text: id.Value.AsString()}
	if m.index > 0 {
		f.Of = l.seen
	}
	f.Ints = [core.MaxInts]int64{size, int64(m.index), int64(m.frames), m.bytes}
	return f
}

// layouts are the schemas of messages of one type in one direction: with and without
// what their frames show.
type layouts struct{ seen, unseen *core.Schema }

// schema returns a schema of fixed attributes, one string and some integers.
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

// byType are the layouts of a direction, by message type. Libraries number types like
// opcodes (RFC 6455 §5.2).
type byType struct {
	direction    attribute.KeyValue
	text, binary *layouts
}

func newByType(d attribute.KeyValue) *byType {
	return &byType{d, newLayouts(d, frame.Text), newLayouts(d, frame.Binary)}
}

var received, transmitted = newByType(receive), newByType(transmit)

// endWith ends op, on the connection id, with a message of size bytes, and returns the
// time.
func (m *message) endWith(op trace.Op, b *byType, typ frame.Opcode, id attribute.KeyValue, size int64) time.Time {
	switch {
	case size >= 0 && typ == frame.Text:
		return endNow(op, core.End{Facts: m.facts(b.text, id, size)})
	case size >= 0 && typ == frame.Binary:
		return endNow(op, core.End{Facts: m.facts(b.binary, id, size)})
	default: // a program may write a type that does not exist
		return endNow(op, core.End{Attrs: m.attributes(b.direction, typ, id, size)})
	}
}

// endNow ends op with e, and returns the time; zero: it had ended.
func endNow(op trace.Op, e core.End) time.Time {
	core.Ref(op).End(&e)
	return e.Time
}

var (
	receive  = semconv.NetworkIODirectionKey.String("receive")
	transmit = semconv.NetworkIODirectionKey.String("transmit")
)
