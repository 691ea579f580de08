//go:build !js

package wsconn

import (
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// requestHeader returns what the program adds to the request.
func requestHeader(o *websocket.DialOptions) http.Header { return o.HTTPHeader }

// observe has the request carry the trace, and the connection report its blocks.
func observe(o *websocket.DialOptions, d *session.Dial) {
	o.HTTPHeader, o.HTTPClient = d.Header(), d.Client(o.HTTPClient)
}
