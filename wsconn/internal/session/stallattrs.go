package session

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// appendConnection appends the attributes that identify the connection and its end.
func (st *stalls) appendConnection(attrs []attribute.KeyValue) []attribute.KeyValue {
	role := roleClient
	if st.server {
		role = roleServer
	}
	attrs = append(attrs, semconv.WebSocketRoleKey.String(role))
	if sc := st.s.handshake.SpanContext(); sc.IsValid() {
		attrs = append(attrs, semconv.WebSocketConnectionIDKey.String(sc.SpanID().String()))
	}
	if c := st.conn; c != nil {
		if _, ok := c.conn.Conn.(stream); !ok {
			attrs = appendAddresses(attrs, c.conn.RemoteAddr(), c.conn.LocalAddr())
		}
	}
	return attrs
}

func handshakeLink(s *Session) []oteltrace.Link {
	if sc := s.handshake.SpanContext(); sc.IsValid() {
		return []oteltrace.Link{{SpanContext: sc}}
	}
	return nil
}

// messageAttributes returns the attributes of the completed message.
func (r *stalled) messageAttributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	if r.writes {
		attrs = append(attrs, transmit)
	} else {
		attrs = append(attrs, receive)
	}
	if r.message.index > 0 {
		attrs = append(attrs,
			semconv.WebSocketMessageTypeKey.String(r.message.kind.String()),
			semconv.WebSocketMessageIndexKey.Int64(int64(r.message.index)))
		if !r.message.compressed {
			attrs = append(attrs, semconv.WebSocketMessageSizeKey.Int64(r.message.size))
		}
	}
	return attrs
}

// appendHistory appends the last messages in both directions, with times relative to
// zero.
func (c *stallConn) appendHistory(attrs []attribute.KeyValue, zero time.Time) []attribute.KeyValue {
	if c == nil {
		return attrs
	}
	return appendRings(attrs, [2][]uint64{c.in.entries(nil), c.out.entries(nil)}, zero)
}

func appendRings(attrs []attribute.KeyValue, rings [2][]uint64, zero time.Time) []attribute.KeyValue {
	for i, key := range []attribute.Key{semconv.WebSocketHistoryReceiveKey, semconv.WebSocketHistoryTransmitKey} {
		if text := historyText(rings[i], zero); text != "" {
			attrs = append(attrs, key.String(text))
		}
	}
	return attrs
}

func sourceOf(s semconv.Source) []attribute.KeyValue {
	if s == "" {
		return nil
	}
	return []attribute.KeyValue{semconv.BlockSourceKey.String(string(s))}
}
