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

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Accept is the server's side of a handshake.
type Accept struct {
	r           *http.Request
	w           *responseWriter
	cfg         *Config
	closeStatus func(error) int
	tracer      *trace.Tracer
	start       time.Time

	// parent is what the handshake is a child of; local, that it is a span of
	// this process, which began when the request had been read.
	parent context.Context
	local  bool
	caller oteltrace.SpanContext // of a public endpoint: what the handshake links to instead
	peer   oteltrace.SpanID      // that the client's headers name
	links  bool                  // the client asked for trace pongs, and may have them

	// Since the handshake's span began, which needs the connection.
	s       *Session
	ctx     context.Context
	span    oteltrace.Span // nil where nothing is recorded
	arrival arrival
}

// BeginAccept begins a handshake: a child of the span in r's context or else
// of the client's, which r's headers name. That of a public endpoint is the root
// of a trace of its own rather than a child of a span of another process, and
// links to it. [Accept.End] must follow.
func BeginAccept(w http.ResponseWriter, r *http.Request, cfg *Config, closeStatus func(error) int) *Accept {
	a := &Accept{r: r, cfg: cfg, closeStatus: closeStatus, start: time.Now()}
	a.w = &responseWriter{ResponseWriter: w, a: a}
	ctx := r.Context()
	parent := cfg.Propagators.Extract(ctx, propagation.HeaderCarrier(r.Header))
	if sc := oteltrace.SpanContextFromContext(parent); sc.IsRemote() {
		a.peer = sc.SpanID()
	}
	if local := oteltrace.SpanFromContext(ctx); local.SpanContext().IsValid() {
		parent = oteltrace.ContextWithSpan(parent, local)
		a.local = !local.SpanContext().IsRemote()
	}
	if cfg.PublicEndpoint && !a.local {
		a.caller = oteltrace.SpanContextFromContext(parent)
		parent = oteltrace.ContextWithSpanContext(parent, oteltrace.SpanContext{})
	}
	a.parent, a.tracer = parent, cfg.tracer(ctx)
	a.links = asks(r.Header) && !cfg.WithoutPeerLinks && core.Of(a.tracer).Records(parent)
	return a
}

// begin begins the handshake's span: with the first bytes that nc has read of
// it, or else where BeginAccept was called.
func (a *Accept) begin(nc net.Conn) {
	if c := acceptedBelow(nc); c != nil {
		if arrival := c.handOver(a.start); !a.local {
			a.arrival = arrival
		}
	}
	start := a.start
	for _, at := range []time.Time{a.arrival.first, a.arrival.hello} {
		if !at.IsZero() {
			start = at
		}
	}
	opts := []oteltrace.SpanStartOption{
		oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(requestAttributes(a.r, nc)...),
	}
	if a.caller.IsSampled() { // else nobody could follow the link
		opts = append(opts, oteltrace.WithLinks(oteltrace.Link{SpanContext: a.caller}))
	}
	a.ctx, a.span = core.Of(a.tracer).Span(a.parent, semconv.SpanHandshake, start, opts...)
	a.s = newSession(a.ctx, a.tracer, roleServer, a.span != nil, a.cfg, a.closeStatus)
	a.s.live.peerID = a.peer
	a.s.in.frames.On, a.s.in.frames.Masked = a.links, true
	a.s.pongs.send = a.links
}

// Context returns r's context with the handshake's span and what the headers
// brought: the context of what the connection is handled with.
func (a *Accept) Context() context.Context { return a.tracer.NewContext(a.ctx) }

// End ends the handshake with the library's error.
func (a *Accept) End(err error) *Session {
	if a.s == nil { // refused before the connection was handed over
		a.begin(nil)
	}
	if err == nil {
		a.s.established(a.ctx)
	}
	errorType := ""
	if err != nil {
		errorType = refusal(a.w.status, err)
	}
	a.s.meter.shook(a.ctx, a.start, a.w.status, errorType)
	if a.span == nil {
		return a.s
	}
	step := func(name string, start, end time.Time) {
		if !start.IsZero() && !end.IsZero() {
			core.Of(a.tracer).Record(a.ctx, name, start, end, "", nil)
		}
	}
	step(semconv.StepTLS, a.arrival.hello, a.arrival.secured)
	step(semconv.StepReadHTTPRequest, a.arrival.first, a.arrival.last)
	step(semconv.StepProcessRequest, a.start, a.w.answered)
	step(semconv.StepWriteHTTPResponse, a.w.answered, a.w.hijacked)

	attrs := handshakeAttributes(a.s, a.w.status, a.w.Header(), err)
	if err != nil {
		attrs = append(attrs, semconv.WebSocketHandshakeCheckKey.String(serverCheck(a.r, a.w.status)))
	}
	core.Of(a.tracer).Finish(a.span, a.start, errorType, err, attrs...)
	return a.s
}

// responseWriter watches the library answer a handshake, and hands it the wire
// in place of the connection.
type responseWriter struct {
	http.ResponseWriter
	a        *Accept
	hj       http.Hijacker
	status   int
	answered time.Time
	hijacked time.Time
}

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.answered = status, time.Now()
		if status == http.StatusSwitchingProtocols {
			announce(w.Header(), w.a.links)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ResponseWriter returns what the library is to be given for w. It has the
// optional methods that the library looks for where w has them or, as
// http.ResponseController has it, one that w unwraps to; so it has whether or
// not anything is recorded.
func (a *Accept) ResponseWriter() http.ResponseWriter {
	w := a.w
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

// Hijack returns the wire, and the reader and writer that Hijack gave over it;
// or, where nothing is recorded, what Hijack gave. Whether it is shows only here,
// where the answer has been written: a client to which that promised to take
// trace pongs off gets a wire that does no more than that.
func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := w.hj.Hijack()
	if err != nil {
		return nc, brw, err
	}
	w.hijacked = time.Now()
	w.a.begin(nc)
	if w.a.s.off && !w.a.links {
		return nc, brw, nil
	}

	if err := brw.Writer.Flush(); err != nil { // who gave it may have written
		return nc, brw, err
	}
	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	below := netpoll.Below(nc)
	if below == nil {
		below = netpoll.Wrap(nc)
		nc = below
	}
	wc := &wireConn{nc, w.a.s.attach(nc, below, slices.Clone(early))}
	brw.Reader.Reset(wc)
	if w.a.s.off {
		return unlinked{nc, wc.wire}, brw, nil
	}
	brw.Writer.Reset(wc)
	return wc, brw, nil
}
