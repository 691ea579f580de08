package session

import (
	"time"

	"github.com/wakechain/wakechain/internal/outcome"
)

// Library describes a WebSocket library: the facts that a session needs and cannot
// observe. An adapter states them once, and calls the methods of a session that fit the
// library's API:
//
//   - a server: [BeginAccept], with [Accept.ResponseWriter] and, if the library writes
//     the response by itself, [Accept.Header]
//   - a client: [BeginDial], with [Dial.Client] for a library that dials through
//     net/http, or [Dial.Conn] in the dial functions of one that does not
//   - messages: [Session.BeginRead], [Session.BeginWrite]
//   - control frames: [Session.BeginPing] for a library that chooses the payload and
//     waits for the pong, [Session.BeginControl] for a program that writes the frame
//   - the end: [Session.BeginClose] for a library that performs the closing
//     handshake, [Session.BeginCloseNow] for one that closes the connection below
type Library struct {
	// CloseStatus returns the close code of an error of the library, -1 if it has none.
	CloseStatus func(error) int

	// HijacksFirst means that a server hijacks the connection, refuses a client that has
	// sent more than its request, and writes the response to the connection. Otherwise it
	// writes the response with WriteHeader and hijacks afterwards.
	HijacksFirst bool

	// ConcurrentWriters means that the library does not serialise writes of messages. A
	// second one does not wait, and may panic; beginning a message ends the message before.
	// Otherwise writers wait for each other.
	ConcurrentWriters bool

	// WholeFrames means that the library writes whole frames only, each in one Write or
	// one net.Buffers.WriteTo, whose buffers must leave in one system call.
	WholeFrames bool

	// LooseFrames means that no lock serialises the library's answers with the program's
	// writes.
	LooseFrames bool

	// FailsForGood means that after an error of sending the library sends nothing more,
	// and returns that error.
	FailsForGood bool

	// ClosesOnContext means that the library closes the connection when the context of a
	// call ends during that call.
	ClosesOnContext bool

	// ControlTimeout limits how long the library tries to write a control frame of its
	// own. CloseTimeout limits how long its Close waits for the peer's close frame; 0 means
	// that it does not wait.
	ControlTimeout, CloseTimeout time.Duration
}

// NewLibrary returns l, and registers its errors that have a close code with package
// trace. Their text may quote the peer's close reason, so it is replaced.
func NewLibrary(l Library) *Library {
	outcome.Register(func(err error) (outcome.Outcome, bool) {
		code := l.CloseStatus(err)
		if code < 0 {
			return outcome.Outcome{}, false
		}
		return outcome.Outcome{Type: closeErrorType(code), Text: closeText(code)}, true
	})
	return &l
}

// expired returns the error of a call's context if that has ended and the library
// closes the connection for that; else nil.
func (l *Library) expired(c call) error {
	if c.ctx == nil || !l.ClosesOnContext {
		return nil
	}
	return c.ctx.Err()
}
