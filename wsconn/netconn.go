package wsconn

import (
	"context"
	"net"

	"nhooyr.io/websocket"
)

// NetConn is websocket.NetConn: it makes a net.Conn of c, whose Write writes a message of the
// given type. The spans are children of the span in ctx, or else of the handshake.
//
// Each Write has a span write, each Read a span read, and Close a span close. A Read may return
// less than a message: websocket.message.size is the number of bytes that it returned, and the
// message's index and frames are absent.
func NetConn(ctx context.Context, c *Conn, msgType MessageType) net.Conn {
	return c.session.NetConn(ctx, websocket.NetConn(ctx, c.ws, msgType), int(msgType))
}
