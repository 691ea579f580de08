package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
)

const (
	firstInterval = 5 * time.Second
	maxInterval   = 30 * time.Second
)

// failure is a failed try.
type failure struct {
	err      error
	again    bool          // try again
	answered bool          // the server has responded
	after    time.Duration // wait at least this long
}

// send sends a payload until it is accepted, or until another try is pointless.
func (e *Exporter) send(ctx context.Context, p *payload) error {
	start, interval := time.Now(), e.retry.InitialInterval
	if interval <= 0 {
		interval = firstInterval
	}
	most := e.retry.MaxInterval
	if most <= 0 {
		most = maxInterval
	}
	for {
		f := e.post(ctx, p)
		if f == nil || f.answered {
			e.away.Store(false)
		}
		switch {
		case f == nil:
			return nil
		case ctx.Err() != nil:
			return errors.Join(context.Cause(ctx), f.err)
		case !f.again || !e.retry.Enabled || !f.answered && e.away.Load():
			return f.err
		}
		interval = min(interval, most)
		wait := max(f.after, interval/2+rand.N(interval+1))
		if !e.wait(ctx, wait, start) {
			if !f.answered {
				e.away.Store(true)
			}
			return f.err
		}
		interval += interval / 2
	}
}

// wait waits until the next try. It reports false if there should be none.
func (e *Exporter) wait(ctx context.Context, d time.Duration, start time.Time) bool {
	if e.retry.MaxElapsedTime > 0 && time.Since(start)+d > e.retry.MaxElapsedTime {
		return false
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-e.stop:
	}
	return false
}

// post tries to send a payload. It returns nil if the server accepted it.
func (e *Exporter) post(ctx context.Context, p *payload) *failure {
	try, cancel := ctx, context.CancelFunc(func() {})
	if e.timeout > 0 {
		try, cancel = context.WithTimeout(ctx, e.timeout)
	}
	defer cancel()
	r := (&http.Request{
		Method: http.MethodPost, URL: e.url, Host: e.url.Host, Header: e.header.Clone(),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: p.reader(), ContentLength: int64(len(p.body)),
		GetBody: func() (io.ReadCloser, error) { return p.reader(), nil },
	}).WithContext(try)
	a, err := e.client.Do(r)
	if err != nil {
		return e.unanswered(ctx, try, err)
	}
	defer a.Body.Close()
	body, whole, err := readBody(a.Body)
	switch {
	case a.StatusCode/100 == 2:
		e.taken(a.Header, body, whole && err == nil)
		return nil
	case a.StatusCode/100 == 3:
		return &failure{answered: true, err: fmt.Errorf("%s to %s: redirects are not followed", a.Status, place(a))}
	}
	f := &failure{answered: true, err: fmt.Errorf("%s%s", a.Status, message(a.Header, body))}
	switch a.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again, f.after = true, retryAfter(a.Header.Get("Retry-After"))
	}
	return f
}

// unanswered returns the failure of a try without a response. It is worth another one,
// unless the ends do not agree on TLS.
func (e *Exporter) unanswered(ctx, try context.Context, err error) *failure {
	var with *url.Error // it contains the URL, which may be secret
	if errors.As(err, &with) {
		err = with.Err
	}
	var cert *tls.CertificateVerificationError
	var op *net.OpError
	alert := errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error") // the words of package tls
	f := &failure{err: err, again: !alert && !errors.As(err, &cert) && !errors.Is(err, http.ErrSchemeMismatch)}
	if try.Err() != nil && ctx.Err() == nil {
		f.err = fmt.Errorf("no response within %v: %w", e.timeout, err)
	}
	return f
}

// taken reports what is notable in the response of a server that accepted spans.
func (e *Exporter) taken(h http.Header, body []byte, whole bool) {
	if !whole {
		otel.Handle(fmt.Errorf("otlp: %s accepted spans, but perhaps not all: its response is damaged or larger than %d bytes", e.name, maxResponse))
		return
	}
	p, err := partialSuccess(h, body)
	switch {
	case err != nil:
		otel.Handle(fmt.Errorf("otlp: %s accepted spans, but perhaps not all: its response is damaged: %w", e.name, err))
	case p != PartialSuccess{}:
		otel.Handle(p)
	}
}

// place returns the target of a redirect, without its possibly secret parts.
func place(a *http.Response) string {
	u, err := a.Location()
	if err != nil {
		return "nowhere"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// retryAfter parses the header Retry-After, in seconds or as a date; 0: it is missing
// or invalid.
func retryAfter(v string) time.Duration {
	if s, err := strconv.ParseUint(v, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
