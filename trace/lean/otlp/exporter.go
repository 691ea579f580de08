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

// Exporter sends spans by OTLP over HTTP. Methods are safe for concurrent use: exports
// then run side by side.
type Exporter struct {
	url        *url.URL
	name       string // of the URL, without what may be secret
	header     http.Header
	client     *http.Client
	own        *http.Transport // nil: the program's
	gzip       bool
	timeout    time.Duration
	retry      RetryConfig
	maxRequest int

	away   atomic.Bool   // the last export gave up because nobody answered
	stop   chan struct{} // closed by Shutdown: no more waiting
	ctx    context.Context
	cancel context.CancelFunc // what is sent is given up

	mu      sync.Mutex
	shut    bool
	exports sync.WaitGroup
}

var _ sdktrace.SpanExporter = (*Exporter)(nil)

// errShutdown is what an export returns after Shutdown; OpenTelemetry's exporter returns
// a canceled context, too.
var errShutdown = fmt.Errorf("otlp: the exporter is shut down: %w", context.Canceled)

// NewExporter returns an exporter that is configured by the environment and by opts, nil
// ones left out. It does not connect to the server. An error says which setting is wrong,
// or that ctx has ended; a header or a timeout of the environment that cannot be used
// goes to otel.Handle, and the rest counts.
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
			c.fail("%q or its value is not valid as a header", key)
			continue
		}
		e.header.Set(key, v)
	}
	e.header.Set("Content-Type", protobuf)
	if e.gzip {
		e.header.Set("Content-Encoding", "gzip")
	}
	if c.url != nil && c.url.Scheme == "http" && c.tls != nil && c.client == nil {
		c.fail("there are certificates for TLS, and %s is without", c.url.Redacted())
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

// newTransport returns one with the limits of Go's default, which the program may have
// replaced by one that makes spans.
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

// ExportSpans sends spans and returns when the server has taken them, when it has refused
// them or when ctx has ended. It keeps no span. After Shutdown it returns an error, for
// which errors.Is says context.Canceled.
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

// export sends spans in one request, or in several where that is too large.
func (e *Exporter) export(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	p, err := e.encode(spans)
	switch {
	case err != nil:
		return fmt.Errorf("otlp: %w", err)
	case p == nil && len(spans) == 1:
		return fmt.Errorf("otlp: a span %q is larger than a request may be, %d bytes", spans[0].Name(), e.maxRequest)
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

// Shutdown ends the exporter. Nothing is sent again any more, and what is being sent has
// until ctx ends, whose error is returned then. More calls do nothing more.
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

// MarshalLog returns what the SDK logs of the exporter: not its headers.
func (e *Exporter) MarshalLog() any {
	return struct{ Type, Endpoint string }{"otlp", e.name}
}
