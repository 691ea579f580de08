package wsconn

import (
	"context"
	"net"

	"nhooyr.io/websocket"
)

// NetConn is websocket.NetConn: it makes a net.Conn of c, whose Write writes a
// message of the given type. The spans are children of the span in ctx, or else
// of the handshake.
//
// Each call of Write is a span write, and each call of Read a span read, which
// may return less than a message: its websocket.message.size is what the call
// returned, and the message's index and frames are absent. Close is a span
// close.
func NetConn(ctx context.Context, c *Conn, msgType MessageType) net.Conn {
	return c.session.NetConn(ctx, websocket.NetConn(ctx, c.ws, msgType), int(msgType))
}
