package session

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

// Accept is the server's side of a handshake.
type Accept struct {
	ctx   context.Context
	r     *http.Request
	span  oteltrace.Span // nil where nothing is recorded
	start time.Time
	w     *responseWriter
	s     *Session
}

// BeginAccept begins a handshake: a child of the span in r's context or else
// of the client's, which r's headers name. [Accept.End] must follow.
func BeginAccept(w http.ResponseWriter, r *http.Request, cfg *Config, closeStatus func(error) int) *Accept {
	ctx := r.Context()
	local := oteltrace.SpanFromContext(ctx)
	ctx = cfg.Propagators.Extract(ctx, propagation.HeaderCarrier(r.Header))
	if local.SpanContext().IsValid() {
		ctx = oteltrace.ContextWithSpan(ctx, local)
	}
	a := &Accept{r: r, start: time.Now()}
	t := cfg.tracer(ctx)
	a.ctx, a.span = t.Span(ctx, trace.SpanHandshake, a.start,
		oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(requestAttributes(r)...))
	a.s = newSession(a.ctx, t, a.span != nil, cfg, closeStatus)
	a.w = &responseWriter{ResponseWriter: w, s: a.s}
	return a
}

// Context returns r's context with the handshake's span and what the headers
// brought: the context of what the connection is handled with.
func (a *Accept) Context() context.Context { return a.s.tracer.NewContext(a.ctx) }

// ResponseWriter returns what the library is to be given for w.
func (a *Accept) ResponseWriter() http.ResponseWriter {
	if a.span == nil {
		return a.w.ResponseWriter
	}
	return a.w.hijackable()
}

// End ends the handshake with the library's error.
func (a *Accept) End(err error) *Session {
	if a.span == nil {
		return a.s
	}
	step := func(name string, start, end time.Time) {
		if !start.IsZero() && !end.IsZero() {
			a.s.tracer.Record(a.ctx, name, start, end, "")
		}
	}
	step(trace.StepProcessRequest, a.start, a.w.answered)
	step(trace.StepWriteHTTPResponse, a.w.answered, a.w.hijacked)

	attrs := handshakeAttributes(a.s, a.w.status, a.w.Header())
	errorType := ""
	if err != nil {
		check := serverCheck(a.r, a.w.status)
		attrs = append(attrs, trace.WebSocketHandshakeCheckKey.String(check))
		errorType = refusal(a.w.status, err)
	}
	trace.Finish(a.span, a.start, errorType, attrs...)
	return a.s
}

// responseWriter watches the library answer a handshake, and hands it the wire
// in place of the connection.
type responseWriter struct {
	http.ResponseWriter
	s        *Session
	hj       http.Hijacker
	status   int
	answered time.Time
	hijacked time.Time
}

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.answered = status, time.Now()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// hijackable returns w with the optional methods that the library looks for,
// where the writer has them or, as http.ResponseController has it, one that it
// unwraps to.
func (w *responseWriter) hijackable() http.ResponseWriter {
	var now interface{ WriteHeaderNow() } // gin
	for rw := w.ResponseWriter; ; {
		if n, ok := rw.(interface{ WriteHeaderNow() }); ok && now == nil {
			now = n
		}
		if hj, ok := rw.(http.Hijacker); ok {
			w.hj = hj
			break
		}
		u, ok := rw.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w // no Hijacker: the library refuses
		}
		rw = u.Unwrap()
	}
	if now != nil {
		return struct {
			hijacker
			writeHeaderNow
		}{hijacker{w}, now}
	}
	return hijacker{w}
}

type writeHeaderNow interface{ WriteHeaderNow() }

type hijacker struct{ *responseWriter }

// Hijack returns the wire, and the reader and writer that Hijack gave over it.
func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := w.hj.Hijack()
	if err != nil {
		return conn, brw, err
	}
	w.hijacked = time.Now()

	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	below := netpoll.Below(conn)
	if below == nil {
		below = netpoll.Wrap(conn)
		conn = below
	}
	wc := &wireConn{conn, w.s.attach(conn, below, slices.Clone(early))}
	brw.Reader.Reset(wc)
	brw.Writer.Reset(wc)
	return wc, brw, nil
}
