package wsconn

import (
	"time"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// library describes the library for package session.
var library = session.NewLibrary(session.Library{
	CloseStatus:     func(err error) int { return int(websocket.CloseStatus(err)) },
	ClosesOnContext: true,
	ControlTimeout:  5 * time.Second,
	CloseTimeout:    5 * time.Second,
})
