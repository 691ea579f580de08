package wsconn

import (
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// requestHeader returns nil: a browser makes the request by itself.
func requestHeader(*websocket.DialOptions) http.Header { return nil }

// observe does nothing: a browser makes the connection, too.
func observe(*websocket.DialOptions, *session.Dial) {}
