package gorillaws

import (
	"context"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Message is one message, as [Conn.Receive] returns it.
type Message struct {
	Type int
	Data []byte // the caller's

	received session.Received
}

// Context returns a copy of parent that carries the message's span in place of
// parent's own, and the connection's tracer: so that the work which the message
// causes is a child of its read or, with [WithPeerParent], of the peer's write.
// Where the read is not recorded, nor is what is started below. The Context of a
// Message that no Receive returned is parent.
func (m Message) Context(parent context.Context) context.Context { return m.received.Context(parent) }

// Receive reads one message, as ReadMessage does, with the span read, and returns what
// the message's own context is made of beside it. It costs what ReadMessage does, and
// [Message.Context] what two values in a context do.
func (c *Conn) Receive() (Message, error) {
	r := c.session.BeginRead(c.context())
	typ, p, err := c.ws.ReadMessage()
	return Message{typ, p, r.Receive(typ, int64(len(p)), err)}, err
}
