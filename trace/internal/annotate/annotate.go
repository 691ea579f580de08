// Package annotate writes messages into the runtime's execution trace, if it is on: which
// span begins and ends on which goroutine. They allow to join the trace with the spans
// afterwards.
package annotate

import (
	"context"
	"encoding/hex"
	"net"
	"strings"

	rtrace "runtime/trace"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Category is the category of the messages.
const Category = "wakechain"

// On reports whether execution tracing is on. It costs some nanoseconds.
func On() bool { return rtrace.IsEnabled() }

// Begin writes that the span begins on this goroutine. Callers check [On] first.
func Begin(sc oteltrace.SpanContext) { span('+', sc) }

// End writes that the span ends, on this goroutine or another.
func End(sc oteltrace.SpanContext) { span('-', sc) }

func span(sign byte, sc oteltrace.SpanContext) {
	if !sc.IsSampled() {
		return
	}
	var b [50]byte
	b[0], b[33] = sign, '/'
	t, s := sc.TraceID(), sc.SpanID()
	hex.Encode(b[1:], t[:])
	hex.Encode(b[34:], s[:])
	rtrace.Log(context.Background(), Category, string(b[:]))
}

// Park writes that this goroutine is about to park on a connection.
func Park(local, remote net.Addr) {
	if local != nil && remote != nil {
		rtrace.Log(context.Background(), Category, "@"+local.String()+">"+remote.String())
	}
}

// Message is a parsed message.
type Message struct {
	Begin, End bool
	Trace      oteltrace.TraceID
	Span       oteltrace.SpanID

	Local, Remote string // of a park on a connection, else ""
}

// Parse parses a message of the [Category]. ok is false if it is not from this package.
func Parse(s string) (m Message, ok bool) {
	if addrs, ok := strings.CutPrefix(s, "@"); ok {
		m.Local, m.Remote, ok = strings.Cut(addrs, ">")
		return m, ok && m.Local != "" && m.Remote != ""
	}
	if len(s) != 50 || s[33] != '/' || s[0] != '+' && s[0] != '-' {
		return m, false
	}
	var err error
	if m.Trace, err = oteltrace.TraceIDFromHex(s[1:33]); err != nil {
		return m, false
	}
	if m.Span, err = oteltrace.SpanIDFromHex(s[34:]); err != nil {
		return m, false
	}
	m.Begin, m.End = s[0] == '+', s[0] == '-'
	return m, true
}
