package session

import (
	"time"

	"github.com/wakechain/wakechain/internal/outcome"
)

// Library describes a WebSocket library: what a session must know of it and cannot
// see. An adapter states these facts once, and calls the methods of a session that
// fit what its library offers:
//
//   - a server: [BeginAccept], with [Accept.ResponseWriter] and, where the library
//     writes the answer by itself, [Accept.Header]
//   - a client: [BeginDial], with [Dial.Client] for a library that dials through
//     net/http, or [Dial.Conn] in the dial functions of one that does not
//   - messages: [Session.BeginRead], [Session.BeginWrite]
//   - control frames: [Session.BeginPing] for a library that chooses the payload and
//     waits for the pong, [Session.BeginControl] for a program that writes the frame
//   - the end: [Session.BeginClose] for a library that performs the closing
//     handshake, [Session.BeginCloseNow] for one that closes the connection below
type Library struct {
	// CloseStatus returns the close code that an error of the library's carries, -1
	// for none.
	CloseStatus func(error) int

	// HijacksFirst: a server hijacks the connection, refuses a client that has sent
	// more than its request, and writes the answer to the connection. Otherwise it
	// writes the answer with WriteHeader and hijacks afterwards.
	HijacksFirst bool

	// ConcurrentWriters: a second write of a message does not wait for the first one,
	// because the library forbids it and may panic; and a message that is begun ends
	// the one before. Otherwise the library serialises writers.
	ConcurrentWriters bool

	// WholeFrames: whatever the library writes ends where a frame does, in one Write or
	// one net.Buffers.WriteTo, whose buffers then leave in one system call.
	WholeFrames bool

	// LooseFrames: what the library answers is sent beside what the program writes, with
	// no lock between them.
	LooseFrames bool

	// FailsForGood: after an error of sending the library sends nothing any more, and
	// returns that error.
	FailsForGood bool

	// ClosesOnContext: the library closes the connection when the context of a call
	// ends during that call.
	ClosesOnContext bool

	// ControlTimeout is how long the library gives a control frame of its own to be
	// written. CloseTimeout is how long its Close waits for the peer's close frame; 0:
	// it does not wait.
	ControlTimeout, CloseTimeout time.Duration
}

// NewLibrary returns l, and has package trace know the errors that have a close code.
// Their text may quote the peer's close reason, and is not used.
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

// expired returns why the context of a call has ended, where the library closes the
// connection for that; nil otherwise.
func (l *Library) expired(c call) error {
	if c.ctx == nil || !l.ClosesOnContext {
		return nil
	}
	return c.ctx.Err()
}
