package wsconn

import (
	"context"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Message is one message, as [Conn.Receive] returns it.
type Message struct {
	Type MessageType
	Data []byte // the caller's

	received session.Received
}

// Context returns a copy of parent that carries the message's span in place of
// parent's own, and the connection's tracer: so that the work which the message
// causes is a child of its read or, with [WithPeerParent], of the peer's write.
// Where the read is not recorded, nor is what is started below. The Context of a
// Message that no Receive returned is parent.
func (m Message) Context(parent context.Context) context.Context { return m.received.Context(parent) }

// Receive reads one message, as Read does, with the span read, and returns what
// the message's own context is made of beside it. When ctx ends, the connection
// is closed. It costs what Read does, and [Message.Context] what two values in a
// context do.
func (c *Conn) Receive(ctx context.Context) (Message, error) {
	r := c.session.BeginRead(ctx)
	typ, p, err := c.ws.Read(ctx)
	return Message{typ, p, r.Receive(int(typ), int64(len(p)), err)}, err
}
