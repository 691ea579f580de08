package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// patience is the default time that a server may be silent.
const patience = 10 * time.Second

// errSilent is the cause of a context that ended because a server was silent.
var errSilent = errors.New("silent")

// webError is the error of a request.
type webError struct{ text string }

func (e *webError) Error() string { return e.text }

// get sends a request. The server may be silent for wait, before it answers and between two
// parts of the answer. If it is silent for longer, the error is a webError, which body may
// return.
func (s *session) get(url string, wait time.Duration) (body io.ReadCloser, size int64, err error) {
	return s.getWithin(url, wait, wait)
}

// getWithin is get with another time for the beginning of the answer.
func (s *session) getWithin(url string, first, wait time.Duration) (io.ReadCloser, int64, error) {
	ctx, cancel := context.WithCancelCause(s.ctx)
	b := &watched{ctx: ctx, cancel: cancel, wait: wait}
	b.timer = time.AfterFunc(first, func() { cancel(errSilent) })
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		b.stop()
		return nil, 0, &webError{err.Error()}
	}
	b.name = req.URL.Redacted()
	req.Header.Set("Accept", "application/json, */*;q=0.5")
	req.Header.Set("User-Agent", "wakechain")
	b.waited = first
	resp, err := client.Do(req)
	if err != nil {
		b.stop()
		return nil, 0, b.explained(err)
	}
	b.waited = wait
	b.body, b.header = resp.Body, resp.Header
	if resp.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(b, 500))
		_ = b.Close()
		text := fmt.Sprintf("%s: it answers %s", b.name, resp.Status)
		if line := firstLine(said); line != "" {
			text += ": " + line
		}
		return nil, 0, &webError{text}
	}
	return b, max(resp.ContentLength, 0), nil
}

// client opens a connection for each request, and closes it afterwards.
var client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}

// watched is a body that ends with an error if it is silent for too long.
type watched struct {
	name   string
	ctx    context.Context
	cancel context.CancelCauseFunc
	body   io.ReadCloser
	header http.Header
	timer  *time.Timer
	wait   time.Duration
	waited time.Duration
}

func (b *watched) Read(p []byte) (int, error) {
	b.timer.Reset(b.wait)
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // a Reader returns io.EOF itself
		err = b.explained(err)
	}
	return n, err
}

func (b *watched) stop() {
	b.timer.Stop()
	b.cancel(nil)
}

func (b *watched) Close() error {
	b.stop()
	return b.body.Close()
}

// explained returns the error of a request in terms of the user.
func (b *watched) explained(err error) error {
	switch cause := context.Cause(b.ctx); {
	case errors.Is(cause, errSilent):
		return &webError{fmt.Sprintf("%s: it has not answered for %s (-timeout)", b.name, text.Duration(b.waited, " "))}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	}
	var inner interface{ Unwrap() error }
	if errors.As(err, &inner) && inner.Unwrap() != nil {
		err = inner.Unwrap() // without the method and the URL, because name has the URL
	}
	return &webError{fmt.Sprintf("%s: %v", b.name, err)}
}

// firstLine returns the first line of an answer with an error status, or "" if the answer
// is a page or JSON.
func firstLine(b []byte) string {
	for line := range lines(b) {
		if len(line) > 0 && line[0] != '<' && line[0] != '{' {
			return text.Printable(text.Shorten(line, 200))
		}
		break
	}
	return ""
}
