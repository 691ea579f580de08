package netpoll

import (
	"net"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Reporter is a net.Conn that knows by itself when a call parks in it and what
// wakes it, as a conn in memory does: no poller has to be asked, and no call
// timed. A [Conn] over it calls these methods in place of Read, Write and Close,
// which they are in all but that they report; [Conn.CloseRead] and
// [Conn.CloseWrite] are called as they are.
//
// A park is reported by call.Park with its reason, what is known of its cause, and
// [semconv.SourceMemory]; its end by call.Wake. Both ends of such a conn are in one
// process: where the other end's call is known that ended the park, the wake names its
// operation, which [Call.SpanContext] says.
type Reporter interface {
	net.Conn

	// ReadFor is Read for a call that is observed.
	ReadFor(call Call, p []byte) (n int, err error)

	// WriteFor is Write for a call that is observed.
	WriteFor(call Call, p []byte) (n int, err error)

	// CloseFor is Close for the span that [Conn.CloseBy] named last; it is invalid
	// where nobody did. The calls that are parked in the conn are woken by it.
	CloseFor(by oteltrace.SpanContext) error
}
