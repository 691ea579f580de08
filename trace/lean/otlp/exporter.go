package otlp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
)

// Exporter sends spans by OTLP over HTTP. Methods are safe for concurrent use; exports
// run in parallel.
type Exporter struct {
	url        *url.URL
	name       string // the URL without its possibly secret parts
	header     http.Header
	client     *http.Client
	own        *http.Transport // nil: the program's is used
	gzip       bool
	timeout    time.Duration
	retry      RetryConfig
	maxRequest int

	away   atomic.Bool   // the last export gave up without a response
	stop   chan struct{} // closed by Shutdown: stop waiting
	ctx    context.Context
	cancel context.CancelFunc // aborts exports

	mu      sync.Mutex
	shut    bool
	exports sync.WaitGroup
}

var _ sdktrace.SpanExporter = (*Exporter)(nil)

// errShutdown is the error of an export after Shutdown. It wraps context.Canceled, as
// OpenTelemetry's exporter returns.
var errShutdown = fmt.Errorf("otlp: the exporter is shut down: %w", context.Canceled)

// NewExporter returns an exporter that is configured by the environment and by opts;
// nil options are ignored. It does not connect to the server. It returns an error if a
// setting is wrong or ctx has ended. An unusable header or timeout of the environment
// is ignored, and reported to otel.Handle.
func NewExporter(ctx context.Context, opts ...Option) (*Exporter, error) {
	c := newConfig()
	for _, o := range opts {
		if o != nil {
			o.apply(c)
		}
	}
	e := &Exporter{
		gzip: c.compression == GzipCompression, timeout: c.timeout, retry: c.retry, maxRequest: c.maxRequest,
		client: c.client, stop: make(chan struct{}), header: http.Header{},
	}
	e.header.Set("User-Agent", "Wakechain-OTLP-Exporter-Go/"+trace.Version)
	for key, v := range c.headers {
		if !validKey(key) || !validValue(v) {
			c.fail("%q or its value is not a valid header", key)
			continue
		}
		e.header.Set(key, v)
	}
	e.header.Set("Content-Type", protobuf)
	if e.gzip {
		e.header.Set("Content-Encoding", "gzip")
	}
	if c.url != nil && c.url.Scheme == "http" && c.tls != nil && c.client == nil {
		c.fail("certificates are set, but %s does not use TLS", c.url.Redacted())
	}
	if err := errors.Join(append(c.errs, ctx.Err())...); err != nil {
		return nil, err
	}
	e.url = c.url
	e.name = (&url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: c.url.Path}).String()
	if e.client == nil {
		e.own = newTransport(c)
		e.client = &http.Client{Transport: e.own}
	}
	if e.client.CheckRedirect == nil {
		e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	e.ctx, e.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return e, nil
}

// newTransport returns a transport with the limits of http.DefaultTransport, which the
// program may have replaced by a traced one.
func newTransport(c *config) *http.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       64 << 10, // a batch is twice that: fewer system calls
		TLSClientConfig:       c.tls,
	}
	if c.proxy != nil {
		t.Proxy = c.proxy
	}
	return t
}

// ExportSpans sends spans. It returns when the server has accepted or refused them, or
// when ctx has ended. It keeps no span. After Shutdown it returns an error that is
// context.Canceled by errors.Is.
func (e *Exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	e.mu.Lock()
	if e.shut {
		e.mu.Unlock()
		return errShutdown
	}
	e.exports.Add(1)
	e.mu.Unlock()
	defer e.exports.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)() //nolint:contextcheck // either ends the export
	return e.export(ctx, spans)
}

// export sends spans in one request, or in several if that is too large.
func (e *Exporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	p, err := e.encode(spans)
	switch {
	case err != nil:
		return fmt.Errorf("otlp: %w", err)
	case p == nil && len(spans) == 1:
		return fmt.Errorf("otlp: span %q is larger than the maximum request size, %d bytes", spans[0].Name(), e.maxRequest)
	case p == nil:
		half := len(spans) / 2
		return errors.Join(e.export(ctx, spans[:half]), e.export(ctx, spans[half:]))
	}
	defer p.release()
	if len(p.body) == 0 {
		return nil // all of them were nil
	}
	if err := e.send(ctx, p); err != nil {
		return fmt.Errorf("otlp: %d spans to %s: %w", len(spans), e.name, err)
	}
	return nil
}

// Shutdown shuts the exporter down. Failed requests are not sent again. It waits for
// requests in progress until ctx ends, and then returns that error. Further calls do
// nothing.
func (e *Exporter) Shutdown(ctx context.Context) error {
	e.mu.Lock()
	if !e.shut {
		e.shut = true
		close(e.stop)
	}
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.exports.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	e.cancel()
	if e.own != nil {
		e.own.CloseIdleConnections()
	}
	return err
}

// MarshalLog returns what the SDK logs about the exporter, without its headers.
func (e *Exporter) MarshalLog() any {
	return struct{ Type, Endpoint string }{"otlp", e.name}
}
