package wsconn

import (
	"context"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Message is one message, as [Conn.Receive] returns it.
type Message struct {
	Type MessageType
	Data []byte // owned by the caller

	received session.Received
}

// Context returns a copy of parent that carries the message's span in place of parent's own,
// and the connection's tracer. So the work that the message causes is a child of its read or,
// with [WithPeerParent], of the peer's write. If the read is not recorded, spans below it are
// not recorded either. A zero Message returns parent.
func (m Message) Context(parent context.Context) context.Context { return m.received.Context(parent) }

// Receive is Read with a [Message.Context]. When ctx ends, the connection is closed. It costs
// no more than Read; Context costs two values in a context.
func (c *Conn) Receive(ctx context.Context) (Message, error) {
	r := c.session.BeginRead(ctx)
	typ, p, err := c.ws.Read(ctx)
	return Message{typ, p, r.Receive(int(typ), int64(len(p)), err)}, err
}
