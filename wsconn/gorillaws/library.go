package gorillaws

import (
	"errors"
	"net"
	"reflect"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/internal/outcome"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// controlTimeout is the library's time limit for a control frame of its own.
const controlTimeout = time.Second

// library describes the library for package session.
var library = session.NewLibrary(session.Library{
	CloseStatus:       closeStatus,
	HijacksFirst:      true,
	ConcurrentWriters: true,
	WholeFrames:       true,
	FailsForGood:      true,
	ControlTimeout:    controlTimeout,
})

// closeStatus returns the code of a close frame of the peer, or -1. The library also
// returns 1006 if there was no close frame.
func closeStatus(err error) int {
	if e := (*websocket.CloseError)(nil); errors.As(err, &e) && e.Code != websocket.CloseAbnormalClosure {
		return e.Code
	}
	return -1
}

func init() { outcome.Register(classify) }

var libraryPath = reflect.TypeFor[websocket.Conn]().PkgPath()

// classify classifies the library's own errors for package trace.
func classify(err error) (outcome.Outcome, bool) {
	if e := (*websocket.CloseError)(nil); errors.As(err, &e) {
		return outcome.Outcome{Type: semconv.ErrorUnexpectedEOF, Text: "the connection ended without a close frame"}, true
	}
	if e := net.Error(nil); errors.As(err, &e) && e.Timeout() {
		// The library replaces errors of the connection below by a type of its own.
		if t := reflect.TypeOf(e); t.Kind() == reflect.Pointer && t.Elem().PkgPath() == libraryPath {
			return outcome.Outcome{Type: semconv.ErrorDeadlineExceeded, Text: e.Error()}, true
		}
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return outcome.Outcome{Type: "1009", Text: err.Error()}, true
	}
	return outcome.Outcome{}, false
}
