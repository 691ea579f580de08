package wsconn

import (
	"context"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Dial is websocket.Dial: it performs a WebSocket handshake on u. The span
// handshake, of kind client, has what net/http/httptrace tells as children:
// dns, connect, tls, write_http_request and read_http_response.
//
// Where opts has an *http.Transport, or none, the connection is made by a copy
// of it that sees the connection's blocks below TLS, and does not come from its
// pool, nor count for its MaxConnsPerHost. What was taught with RegisterProtocol it
// knows too. Any other http.RoundTripper is used as it is, and the blocks are timed
// unless it answers with the net.Conn as the body, as those of a transport with a
// DialTLSContext are: what that returns has TLS in it.
//
// In a browser (GOOS=js) the request is the browser's own: it carries no trace, and
// all blocks are timed.
func Dial(ctx context.Context, u string, opts *websocket.DialOptions, options ...Option) (*Conn, *http.Response, error) {
	var o websocket.DialOptions
	if opts != nil {
		o = *opts
	}
	ctx, d := session.BeginDial(ctx, library, u, requestHeader(&o), session.NewConfig(options))
	observe(&o, d)
	conn, resp, err := websocket.Dial(ctx, u, &o)
	s := d.End(resp, err)
	if err != nil {
		return nil, resp, err
	}
	return &Conn{ws: conn, session: s}, resp, nil
}
