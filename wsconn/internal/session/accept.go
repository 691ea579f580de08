package session

import (
	"bufio"
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// Accept is the server's side of a handshake.
type Accept struct {
	r      *http.Request
	w      *responseWriter
	cfg    *Config
	lib    *Library
	tracer *trace.Tracer
	start  time.Time

	// parent is the context of the handshake's parent. local: the parent is a span of
	// this process, which began once the request had been read.
	parent context.Context
	local  bool
	caller oteltrace.SpanContext // the client's span, which a public endpoint's handshake links to
	peer   oteltrace.SpanID      // the client's span, from its headers
	links  bool                  // the client asked for trace pongs, and the server agrees

	// Set by begin, which needs the connection.
	s       *Session
	ctx     context.Context
	span    oteltrace.Span // nil: nothing is recorded
	began   time.Time
	arrival arrival
	wire    *wire      // nil: not hijacked, or not recorded
	stall   *stallConn // nil: not watched for stalls
}

// BeginAccept begins a handshake. Its parent is the span in r's context or else the
// client's, from r's headers. At a public endpoint a client's span is not the parent:
// the handshake begins a trace of its own and links to it, and ignores whatever else
// the headers carry. [Accept.End] must follow.
func BeginAccept(lib *Library, w http.ResponseWriter, r *http.Request, cfg *Config) *Accept {
	a := &Accept{r: r, cfg: cfg, lib: lib, start: time.Now()}
	a.w = &responseWriter{ResponseWriter: w, a: a}
	ctx := r.Context()
	parent := cfg.Propagators.Extract(ctx, propagation.HeaderCarrier(r.Header))
	caller := oteltrace.SpanContextFromContext(parent)
	if caller.IsRemote() {
		a.peer = caller.SpanID()
	}
	if cfg.PublicEndpoint { // ignore baggage as well
		parent = ctx
	}
	if local := oteltrace.SpanFromContext(ctx); local.SpanContext().IsValid() {
		parent, caller = oteltrace.ContextWithSpan(parent, local), local.SpanContext()
		a.local = !caller.IsRemote()
	}
	if cfg.PublicEndpoint && !a.local {
		a.caller = caller
		parent = oteltrace.ContextWithSpanContext(parent, oteltrace.SpanContext{})
	}
	a.parent, a.tracer = parent, cfg.tracer(ctx)
	a.links = asks(r.Header) && cfg.peerLinks() && (core.Of(a.tracer).Records(parent) || cfg.stalls.tracerFor(a.tracer) != nil)
	return a
}

// begin begins the handshake's span, at the first byte that nc received of it if that
// is known, and else when BeginAccept was called.
func (a *Accept) begin(nc net.Conn) {
	if c := acceptedBelow(nc); c != nil {
		if arrival := c.handOver(a.start); !a.local {
			a.arrival = arrival
		}
	}
	a.began = a.start
	for _, at := range []time.Time{a.arrival.first, a.arrival.hello} {
		if !at.IsZero() {
			a.began = at
		}
	}
	opts := a.options(nc)
	var more []attribute.KeyValue
	if a.cfg.attributes != nil && core.Of(a.tracer).Records(a.parent) {
		more = a.cfg.attributes(a.r)
		opts = append(opts, oteltrace.WithAttributes(more...))
	}
	if a.caller.IsSampled() { // a link to an unsampled span leads nowhere
		opts = append(opts, oteltrace.WithLinks(oteltrace.Link{SpanContext: a.caller}))
	}
	var whole bool
	a.ctx, a.span, whole = beginSpan(a.parent, a.tracer, a.name(), a.began, opts...)
	watched := a.span == nil && a.cfg.stalls.tracerFor(a.tracer) != nil // the stallConn strips trace pongs itself
	a.s = newSession(a.ctx, a.tracer, roleServer, a.span != nil, a.links && !watched, a.cfg, a.lib)
	if !a.s.off {
		a.s.traces.showAllMessages(whole)
		a.s.traces.name = spanName(semconv.SpanSegment, cmp.Or(a.cfg.NameFor(a.r), core.Of(a.tracer).Goroutine(a.ctx), a.r.Pattern))
		a.s.traces.attrs = append(a.s.traces.attrs, more...)
		a.s.live.peerID = a.peer
		a.s.pongs.send = a.links
	}
}

// name returns the name of the handshake's span.
func (a *Accept) name() string {
	return spanName(semconv.SpanHandshake, cmp.Or(a.r.Pattern, a.cfg.NameFor(a.r)))
}

// options returns the start options of the span; nc may be nil.
func (a *Accept) options(nc net.Conn) []oteltrace.SpanStartOption {
	return []oteltrace.SpanStartOption{
		oteltrace.WithSpanKind(oteltrace.SpanKindServer),
		oteltrace.WithAttributes(requestAttributes(a.r, nc)...),
	}
}

// Context returns r's context with the handshake's span and the contents of the
// headers. The connection's handler runs with it.
func (a *Accept) Context() context.Context { return a.tracer.NewContext(a.ctx) }

// Header returns the response header for a library that hijacks first. It is h, or a
// copy in which the announcement of trace pongs is set or deleted, as by announce.
func (a *Accept) Header(h http.Header) http.Header {
	if !a.links && h.Get(tracepong.Header) == "" {
		return h
	}
	if h = h.Clone(); h == nil {
		h = http.Header{}
	}
	announce(h, a.links)
	return h
}

// End ends the handshake with the library's error.
func (a *Accept) End(err error) *Session {
	if a.s == nil { // refused before the connection was hijacked
		a.begin(nil)
	}
	var header http.Header
	if o := a.takeOpening(); o != nil {
		header = a.endOpening(o)
	} else if a.w.status != 0 {
		header = a.w.Header()
	}
	if err == nil {
		a.s.established()
	}
	errorType := ""
	if err != nil {
		errorType = refusal(a.w.status, err)
	}
	if !a.s.off {
		a.s.meter.recordHandshake(a.ctx, a.start, a.w.status, errorType)
	}
	t, ctx, span := a.tracer, a.ctx, a.span
	if span == nil {
		if t, ctx, span = a.cfg.stalls.beginHandshake(a.tracer, a.s, a.name(), a.began, errorType, a.options(nil)...); span == nil {
			return a.s
		}
	}
	step := func(name string, start, end time.Time) {
		if !start.IsZero() && !end.IsZero() {
			core.Of(t).Record(ctx, name, start, end, "", nil)
		}
	}
	step(semconv.StepTLS, a.arrival.hello, a.arrival.secured)
	step(semconv.StepReadHTTPRequest, a.arrival.first, a.arrival.last)
	step(semconv.StepProcessRequest, a.start, a.w.answered)
	step(semconv.StepWriteHTTPResponse, a.w.answered, a.w.hijacked)

	attrs := handshakeAttributes(a.s, a.w.status, header, err)
	if err != nil {
		attrs = append(attrs, semconv.WebSocketHandshakeCheckKey.String(serverCheck(a.r, a.w.status)))
	}
	core.Of(t).Finish(span, a.start, errorType, err, attrs...)
	return a.s
}

// takeOpening ends and returns the opening of a library that writes the response
// itself; nil if there is none.
func (a *Accept) takeOpening() (o *opening) {
	if a.stall != nil {
		o, a.stall.opening = a.stall.opening, nil
	}
	if a.wire != nil && a.wire.opening != nil {
		o, a.wire.opening = a.wire.opening, nil
	}
	return o
}

// endOpening notes the response that a library wrote itself, and returns its header.
func (a *Accept) endOpening(o *opening) (header http.Header) {
	a.w.answered, a.w.hijacked = o.first, o.last
	if resp := parseResponse(o.sent); resp != nil {
		a.w.status, header = resp.StatusCode, resp.Header
	}
	return header
}

// responseWriter observes the library's response to a handshake. Its Hijack returns the
// wire in place of the connection.
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

// ResponseWriter returns the response writer for the library. It has the optional
// methods that the library looks for, if w or a writer that w unwraps to has them, as
// with http.ResponseController. It is the same whether or not anything is recorded.
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

// Hijack returns the wire, and the inner Hijack's reader and writer over it. If nothing
// is recorded, it returns a stallConn if stalls are reported, or a wire that only strips
// trace pongs if the client was promised that, or else the bare connection. It returns
// the inner Hijack's results if the library is going to refuse the client.
func (w hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := w.hj.Hijack()
	if err != nil {
		return nc, brw, err
	}
	w.hijacked = time.Now()
	w.a.begin(nc)
	if w.a.s.off && w.a.s.stalls == nil && !w.a.links {
		return Bare(nc), brw, nil
	}

	if err := brw.Writer.Flush(); err != nil { // a middleware may have written to it
		return nc, brw, err
	}
	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	if w.a.lib.HijacksFirst && len(early) > 0 {
		return nc, brw, nil // the library refuses that
	}
	below := netpoll.Below(nc)
	if below == nil {
		below = netpoll.Wrap(nc)
		nc = below
	}
	early = slices.Clone(early)
	if st := w.a.s.stalls; st != nil {
		if acc, ok := nc.(*accepted); ok {
			nc = acc.Conn
		}
		c := st.attach(nc, below, early, w.a.links)
		c.send = w.a.links
		w.a.stall = c
		if w.a.lib.HijacksFirst {
			c.opening = new(opening)
		}
		brw.Reader.Reset(c)
		brw.Writer.Reset(c)
		if w.a.s.off {
			return c, brw, nil
		}
		nc, early = c, nil
	}
	wc := &wireConn{nc, w.a.s.attach(nc, below, early)}
	w.a.wire = wc.wire
	brw.Reader.Reset(wc)
	if w.a.s.off {
		return unlinked{nc, wc.wire}, brw, nil
	}
	brw.Writer.Reset(wc)
	if w.a.lib.HijacksFirst && w.a.stall == nil {
		wc.wire.opening = new(opening)
	}
	return wc, brw, nil
}
