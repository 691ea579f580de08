package netpoll

import (
	"net"

	"github.com/wakechain/wakechain/trace"
)

// Reporter is a net.Conn that knows by itself when a call parks in it and what
// wakes it, as a conn in memory does: no poller has to be asked, and no call
// timed. A [Conn] over it calls these methods in place of Read, Write and Close,
// which they are in all but that they report; [Conn.CloseRead] and
// [Conn.CloseWrite] are called as they are.
//
// A park is reported by op.Block with its reason, what is known of its cause, and
// block.source "memory"; its end by op.Wake. Both ends of such a conn are in one
// process: where the other end's call is known that ended the park, the wake
// links to its operation by trace.CausedBy.
type Reporter interface {
	net.Conn

	// ReadFor is Read for op, which is not the zero Op.
	ReadFor(op trace.Op, p []byte) (n int, err error)

	// WriteFor is Write for op, which is not the zero Op.
	WriteFor(op trace.Op, p []byte) (n int, err error)

	// CloseFor is Close for op, the observer that [Conn.ObserveClose] set last; it
	// is the zero Op where nobody did. The calls that are parked in the conn are woken
	// by it.
	CloseFor(op trace.Op) error
}
