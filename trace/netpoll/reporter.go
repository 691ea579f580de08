package netpoll

import (
	"net"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Reporter is a net.Conn that knows when a call parks in it and what wakes it, such as a
// conn in memory. A [Conn] over it calls these methods in place of Read, Write and Close.
// They do the same, and also report. CloseRead and CloseWrite are called as they are.
//
// A Reporter reports a park by call.Park, with its reason, the evidence of its cause as
// far as known, and [semconv.SourceMemory]. It reports the end by call.Wake. Both ends of
// such a conn are in one process: if the call at the other end that ended the park is
// known, the Wake's By is that call's [Call.SpanContext].
type Reporter interface {
	net.Conn

	// ReadFor is Read for an observed call.
	ReadFor(call Call, p []byte) (n int, err error)

	// WriteFor is Write for an observed call.
	WriteFor(call Call, p []byte) (n int, err error)

	// CloseFor is Close. It wakes the calls that are parked in the conn. by is the span
	// of [Conn.CloseBy]; invalid: not known.
	CloseFor(by oteltrace.SpanContext) error
}
