package session

import (
	"context"
	"io"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Read is the read of one message.
type Read struct {
	s  *Session
	op *trace.Op
}

// BeginRead begins the read of a message. [Read.End] must follow.
func (s *Session) BeginRead(ctx context.Context) Read {
	if s.off {
		return Read{}
	}
	r := Read{s: s, op: s.start(ctx, trace.SpanRead, receive)}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Reads must not overlap; of two that do, the later one sees no blocks.
	if s.in.reader == nil {
		s.in.reader = r.op
	}
	return r
}

// End ends the read of a message of the library's message type and of size
// bytes, or one that failed. Only the first call counts.
func (r *Read) End(messageType int, size int64, err error) {
	if r.s == nil {
		return
	}
	s := r.s
	r.s = nil
	var attrs []attribute.KeyValue
	s.mu.Lock()
	if s.in.reader == r.op {
		s.in.reader = nil
	}
	code, byLibrary := s.close.byLibrary()
	if err == nil {
		s.in.index++
		m := s.in.next()
		if r.op != nil {
			attrs = append(m.attributes(size, s.in.index, nil), messageTypeAttr(messageType))
		}
	}
	s.mu.Unlock()
	if err != nil && byLibrary && s.closeStatus(err) < 0 {
		r.op.EndAs(closeErrorType(code)) // the library's own verdict on what it read
		return
	}
	s.end(r.op, err, attrs...)
}

// Reader ends the read when rd, the library's reader of a message, comes to
// the message's end or fails.
func (r *Read) Reader(messageType int, rd io.Reader) io.Reader {
	if r.s == nil {
		return rd
	}
	return &messageReader{rd: rd, read: *r, typ: messageType}
}

type messageReader struct {
	rd   io.Reader
	read Read
	typ  int
	size int64
}

func (m *messageReader) Read(p []byte) (int, error) {
	n, err := m.rd.Read(p)
	m.size += int64(n)
	switch err {
	case nil:
	case io.EOF:
		m.read.End(m.typ, m.size, nil)
	default:
		m.read.End(m.typ, m.size, err)
	}
	return n, err
}

// message is what the frames of one message told.
type message struct {
	frames int
	bytes  int64 // with headers, as on the wire
}

// add counts the part of a data frame that is in g.
func (m *message) add(g frame.Segment) {
	if g.HeaderEnd {
		m.frames++
		m.bytes += int64(g.Header.Size)
	}
	m.bytes += int64(len(g.Payload))
}

// attributes are those of a message of size bytes, the index-th of its
// direction. Without frames, none were seen: scanning has stopped.
func (m message) attributes(size int64, index int, err error) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	attrs = append(attrs, trace.WebSocketMessageSizeKey.Int64(size))
	if err == nil {
		attrs = append(attrs, trace.WebSocketMessageIndexKey.Int(index))
	}
	if m.frames > 0 {
		attrs = append(attrs, trace.WebSocketFrameCountKey.Int(m.frames), trace.WebSocketWireSizeKey.Int64(m.bytes))
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
