package session

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Dial is the client's side of a handshake.
type Dial struct {
	ctx     context.Context
	header  http.Header
	span    oteltrace.Span // nil: nothing is recorded
	start   time.Time
	s       *Session
	steps   steps
	req     *http.Request // the last one that got a response
	opening *opening      // of Conn's connection; nil: the library uses net/http
	url     string
	cfg     *Config
}

// BeginDial begins a handshake, a child of the span in ctx. Call the library with the
// returned context, with [Dial.Header], and with [Dial.Client] or the connections of
// [Dial.Conn]. [Dial.End] must follow.
//
// A nil context is returned as it is, for the library to refuse.
func BeginDial(ctx context.Context, lib *Library, url string, header http.Header, cfg *Config) (context.Context, *Dial) {
	d := &Dial{start: time.Now()}
	refused := ctx == nil
	if refused {
		ctx = context.Background() // the spans need one
	}
	t := cfg.tracer(ctx)
	ctx, span, whole := beginSpan(ctx, t, semconv.SpanHandshake, d.start,
		oteltrace.WithSpanKind(oteltrace.SpanKindClient),
		oteltrace.WithAttributes(urlAttributes(url)...))
	d.span = span
	d.url, d.cfg = url, cfg
	links := d.span != nil && !cfg.WithoutPeerLinks
	d.s = newSession(ctx, t, roleClient, d.span != nil, links, cfg, lib)
	if st := d.s.stalls; st != nil {
		st.links = !cfg.WithoutPeerLinks
		links = st.links
	}

	if d.header = header.Clone(); d.header == nil {
		d.header = http.Header{}
	}
	cfg.Propagators.Inject(ctx, propagation.HeaderCarrier(d.header))
	announce(d.header, links) // the server sends trace pongs even if a proxy drops the header of its response
	d.ctx = ctx
	if refused {
		return nil, d
	}
	if d.Off() {
		return ctx, d
	}
	if !d.s.off {
		d.s.traces.showAllMessages(whole)
		d.s.traces.name = spanName(semconv.SpanSegment, core.Of(t).Goroutine(ctx))
	}
	return httptrace.WithClientTrace(ctx, d.steps.hooks()), d
}

// Header returns the request header for the library: a copy that carries the trace
// context.
func (d *Dial) Header() http.Header { return d.header }

// Client returns the client for a library that dials through net/http: a copy of client
// whose connections report their blocks, or client itself if nothing is recorded.
func (d *Dial) Client(client *http.Client) *http.Client {
	if d.Off() {
		return client
	}
	if client == nil {
		client = http.DefaultClient
	}
	c := *client
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if t, ok := c.Transport.(*http.Transport); ok {
		c.Transport = observable(t)
	}
	c.Transport = roundTripper{c.Transport, d}
	return &c
}

// Conn returns the connection for a library that writes the request and reads the
// response by itself: one over nc, which it has dialed, or nc itself if nothing is
// recorded. TLS must be complete. Blocks are exact if nc is from package netpoll or has
// such a conn below its TLS.
func (d *Dial) Conn(nc net.Conn) net.Conn {
	if d.Off() {
		return nc
	}
	below := netpoll.Below(nc)
	if below == nil {
		below = netpoll.Wrap(nc)
		nc = below
	}
	d.opening = &opening{dial: d}
	if st := d.s.stalls; st != nil {
		c := st.attach(nc, below, nil, st.links)
		c.opening = d.opening
		if d.s.off {
			return c
		}
		return &wireConn{c, d.s.attach(c, below, nil)}
	}
	w := d.s.attach(nc, below, nil)
	w.opening = d.opening
	return &wireConn{nc, w}
}

// confirm notes the response that accepts the handshake.
func (d *Dial) confirm(resp *http.Response) {
	if st := d.s.stalls; st != nil {
		st.conn.send = st.links && confirms(resp.Header)
		return
	}
	d.s.pongs.send = d.s.in.frames.On && confirms(resp.Header)
}

// End ends the handshake with the library's results.
func (d *Dial) End(resp *http.Response, err error) *Session {
	if d.Off() {
		return d.s
	}
	if err == nil {
		d.s.established()
	}
	var (
		attrs     []attribute.KeyValue
		errorType string
		status    int
	)
	if resp != nil {
		status = resp.StatusCode
	}
	if err != nil {
		errorType = refusal(status, err)
	}
	if !d.s.off {
		d.s.meter.recordHandshake(d.ctx, d.start, status, errorType)
	}
	t, ctx, span := d.s.tracer, d.ctx, d.span
	if span == nil {
		if t, ctx, span = d.cfg.stalls.beginHandshake(t, d.s, semconv.SpanHandshake, d.start, errorType,
			oteltrace.WithSpanKind(oteltrace.SpanKindClient), oteltrace.WithAttributes(urlAttributes(d.url)...)); span == nil {
			return d.s
		}
	}
	if errorType == semconv.ErrorCanceled && d.ctx.Err() != nil {
		errorType = ""
	}
	d.steps.record(ctx, t)
	if resp != nil {
		attrs = handshakeAttributes(d.s, status, resp.Header, err)
	}
	attrs = append(attrs, d.steps.addresses()...)
	if o := d.opening; err != nil && o != nil {
		d.req = parseRequest(o.sent)
	}
	if err != nil && resp != nil && d.req != nil {
		attrs = append(attrs, semconv.WebSocketHandshakeCheckKey.String(clientCheck(d.req, resp)))
	}
	tracer := core.Of(t)
	if err != nil {
		tracer.Failed(ctx, span, err)
	}
	tracer.Finish(span, d.start, errorType, err, attrs...)
	return d.s
}

// roundTripper returns responses whose body is the wire in place of the connection.
type roundTripper struct {
	base http.RoundTripper
	d    *Dial
}

func (rt roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := rt.base.RoundTrip(req)
	if err != nil {
		return resp, err
	}
	rt.d.req = req
	rt.d.steps.endResponse()
	if rwc, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		nc, addressed := rwc.(net.Conn)
		if !addressed {
			nc = stream{ReadWriteCloser: rwc}
		}
		conn := rt.d.steps.observed()
		if conn == nil {
			conn = netpoll.Wrap(nc)
			rwc = conn
		}
		if st := rt.d.s.stalls; st != nil {
			c := st.attach(stream{ReadWriteCloser: rwc, Conn: nc}, conn, nil, st.links)
			rt.d.confirm(resp)
			if resp.Body = c; !addressed {
				resp.Body = struct{ io.ReadWriteCloser }{c}
			}
			if rt.d.s.off {
				return resp, nil
			}
			rwc, nc = resp.Body.(io.ReadWriteCloser), c
		}
		rt.d.confirm(resp)
		w := rt.d.s.attach(rwc, conn, nil)
		if resp.Body = w; addressed { // then the library's NetConn has addresses, too
			resp.Body = &wireConn{Conn: nc, wire: w}
		}
	}
	return resp, nil
}

// stream is a net.Conn that reads, writes and closes the body of a response that upgraded
// the connection. Its other methods are those of Conn, which is nil if the body is no
// net.Conn.
type stream struct {
	io.ReadWriteCloser
	net.Conn
}

func (s stream) Read(p []byte) (int, error)  { return s.ReadWriteCloser.Read(p) }
func (s stream) Write(p []byte) (int, error) { return s.ReadWriteCloser.Write(p) }
func (s stream) Close() error                { return s.ReadWriteCloser.Close() }
