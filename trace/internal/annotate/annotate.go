// Package annotate writes into the runtime's execution trace, while a tracer runs,
// which span begins and ends on which goroutine, so that the trace and the spans can
// be joined afterwards.
package annotate

import (
	"context"
	"encoding/hex"
	"net"
	"strings"

	rtrace "runtime/trace"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Category is that of the messages.
const Category = "wakechain"

// On reports whether a tracer runs. It costs some nanoseconds.
func On() bool { return rtrace.IsEnabled() }

// Begin reports that the span begins on this goroutine. Callers ask [On] first.
func Begin(sc oteltrace.SpanContext) { span('+', sc) }

// End says that the span ends, on this goroutine or another.
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

// Park says that this goroutine is about to park on a connection.
func Park(local, remote net.Addr) {
	if local != nil && remote != nil {
		rtrace.Log(context.Background(), Category, "@"+local.String()+">"+remote.String())
	}
}

// Message is what one says.
type Message struct {
	Begin, End bool
	Trace      oteltrace.TraceID
	Span       oteltrace.SpanID

	Local, Remote string // of a park on a connection, else ""
}

// Parse returns what a message of the [Category] says, and false where it is none of
// those.
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
