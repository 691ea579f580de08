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
	ctx    context.Context
	header http.Header
	client *http.Client
	span   oteltrace.Span // nil where nothing is recorded
	start  time.Time
	s      *Session
	steps  steps
	req    *http.Request // that was answered last
}

// BeginDial begins a handshake, a child of the span in ctx. The library is to
// be given the context it returns, and the Dial's Header and Client. [Dial.End]
// must follow.
//
// A nil context is the library's to refuse, and comes back as it is.
func BeginDial(ctx context.Context, url string, header http.Header, client *http.Client, cfg *Config, closeStatus func(error) int) (context.Context, *Dial) {
	d := &Dial{start: time.Now(), client: client}
	refused := ctx == nil
	if refused {
		ctx = context.Background() // there is none to pass on
	}
	t := cfg.tracer(ctx)
	ctx, d.span = core.Of(t).Span(ctx, semconv.SpanHandshake, d.start,
		oteltrace.WithSpanKind(oteltrace.SpanKindClient),
		oteltrace.WithAttributes(urlAttributes(url)...))
	d.s = newSession(ctx, t, roleClient, d.span != nil, cfg, closeStatus)

	if d.header = header.Clone(); d.header == nil {
		d.header = http.Header{}
	}
	cfg.Propagators.Inject(ctx, propagation.HeaderCarrier(d.header))
	links := d.span != nil && !cfg.WithoutPeerLinks
	announce(d.header, links)
	// Where only the answer lost its header on the way, the server sends them.
	d.s.in.frames.On = links
	d.s.pongs.client = true
	d.ctx = ctx
	if refused {
		return nil, d
	}
	if d.s.off {
		return ctx, d
	}
	d.client = d.traced(client)
	return httptrace.WithClientTrace(ctx, d.steps.hooks()), d
}

// Header returns what the library is to be given as the request's header: a
// copy that carries the trace.
func (d *Dial) Header() http.Header { return d.header }

// Client returns what the library is to be given as the client.
func (d *Dial) Client() *http.Client { return d.client }

// End ends the handshake with the library's results.
func (d *Dial) End(resp *http.Response, err error) *Session {
	if err == nil {
		d.s.established(d.ctx)
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
	d.s.meter.shook(d.ctx, d.start, status, errorType)
	if d.span == nil {
		return d.s
	}
	if errorType == semconv.ErrorCanceled && d.ctx.Err() != nil {
		errorType = ""
	}
	d.steps.record(d.ctx, d.s.tracer)
	if resp != nil {
		attrs = handshakeAttributes(d.s, status, resp.Header, err)
	}
	attrs = append(attrs, d.steps.addresses()...)
	if err != nil && resp != nil && d.req != nil {
		attrs = append(attrs, semconv.WebSocketHandshakeCheckKey.String(clientCheck(d.req, resp)))
	}
	core.Of(d.s.tracer).Finish(d.span, d.start, errorType, err, attrs...)
	return d.s
}

// traced returns a copy of client whose connections report their blocks.
func (d *Dial) traced(client *http.Client) *http.Client {
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

// roundTripper hands the library the wire in place of the connection.
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
	rt.d.steps.responded()
	if rwc, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		rt.d.s.pongs.send = rt.d.s.in.frames.On && confirms(resp.Header)
		nc, addressed := rwc.(net.Conn)
		conn := rt.d.steps.observed()
		if conn == nil {
			if !addressed {
				nc = stream{ReadWriteCloser: rwc}
			}
			conn = netpoll.Wrap(nc)
			rwc = conn
		}
		w := rt.d.s.attach(rwc, conn, nil)
		if resp.Body = w; addressed { // and so is the library's NetConn
			resp.Body = &wireConn{Conn: nc, wire: w}
		}
	}
	return resp, nil
}

// stream makes a net.Conn of what http gives for an upgraded connection, as far
// as netpoll needs it.
type stream struct {
	io.ReadWriteCloser
	net.Conn
}

func (s stream) Read(p []byte) (int, error)  { return s.ReadWriteCloser.Read(p) }
func (s stream) Write(p []byte) (int, error) { return s.ReadWriteCloser.Write(p) }
func (s stream) Close() error                { return s.ReadWriteCloser.Close() }
