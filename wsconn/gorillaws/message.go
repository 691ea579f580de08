package gorillaws

import (
	"context"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Message is one message, as [Conn.Receive] returns it.
type Message struct {
	Type int
	Data []byte // owned by the caller

	received session.Received
}

// Context returns a copy of parent that carries the message's span in place of parent's
// own, and the connection's tracer. So the work that the message causes is a child of
// its read or, with [WithPeerParent], of the peer's write. If the read is not recorded,
// spans below it are not recorded either. A zero Message returns parent.
func (m Message) Context(parent context.Context) context.Context { return m.received.Context(parent) }

// Receive is ReadMessage with a [Message.Context]. It costs no more than ReadMessage;
// Context costs two values in a context.
func (c *Conn) Receive() (Message, error) {
	r := c.session.BeginRead(c.context())
	typ, p, err := c.ws.ReadMessage()
	return Message{typ, p, r.Receive(typ, int64(len(p)), err)}, err
}
