package gobwasws

import (
	"errors"

	"github.com/gobwas/ws/wsutil"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// library describes the library for package session.
var library = session.NewLibrary(session.Library{
	CloseStatus: func(err error) int {
		if e := (wsutil.ClosedError{}); errors.As(err, &e) {
			return int(e.Code)
		}
		return -1
	},
	HijacksFirst:      true,
	ConcurrentWriters: true,
	LooseFrames:       true,
})

// Option configures [Upgrade], [Dial] and [Handler]. Options are those of package wsconn,
// such as wsconn.WithTracerProvider.
type Option = session.Option
