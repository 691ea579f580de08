package wsconn

import (
	"context"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Dial is websocket.Dial: it performs a WebSocket handshake on u. The span handshake,
// of kind client, has the steps that net/http/httptrace reports as children: dns,
// connect, tls, write_http_request and read_http_response.
//
// If opts has an *http.Transport, or none, a copy of it makes the connection, and sees
// its blocks below TLS. The connection does not come from the transport's pool, and
// does not count for its MaxConnsPerHost. The copy knows the protocols of
// RegisterProtocol. Any other http.RoundTripper is used as it is; then blocks are
// timed, unless its response body is the net.Conn itself. They are also timed with a
// DialTLSContext, whose conn includes TLS.
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
