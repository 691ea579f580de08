package query

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// client sends requests to a server.
type client struct {
	base     *url.URL
	http     *http.Client
	header   http.Header
	silence  time.Duration
	kind     Kind
	progress func(Report)
}

const (
	maxAnswer = 1 << 30 // bytes of an answer with spans
	maxPlain  = 4 << 20 // bytes of another answer
)

// silentError is the error of a server that sent nothing for the time d.
type silentError struct{ d time.Duration }

func (e *silentError) Error() string {
	return "no answer for " + text.Duration(e.d, " ")
}

// get requests a path, and calls use to read the response.
func (c *client) get(ctx context.Context, path string, params url.Values, use func(io.Reader) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(c.silence, func() { cancel(&silentError{c.silence}) })
	defer silent.Stop()
	u := *c.base
	u.Path += path
	u.RawQuery = params.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	req.Header = c.header.Clone()
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return c.failed(ctx, err)
	}
	defer resp.Body.Close()
	body := &body{r: resp.Body, silent: silent, d: c.silence}
	if resp.StatusCode != http.StatusOK {
		return c.refused(resp, body)
	}
	if err := use(io.LimitReader(body, maxAnswer)); err != nil {
		return c.failed(ctx, err)
	}
	return nil
}

// failed returns the error of a request, with the server and, if ctx is done, its cause.
func (c *client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // u has the whole URL, and a password that may be in it
	}
	return fmt.Errorf("query: %s: %w", c.base.Redacted(), err)
}

// refused returns the error of a response whose status is not 200.
func (c *client) refused(resp *http.Response, body io.Reader) error {
	b, _ := io.ReadAll(io.LimitReader(body, 4096))
	return fmt.Errorf("query: %s: %w", c.base.Redacted(), &statusError{resp.StatusCode, resp.Status + serverSays(b)})
}

// statusError is the error of a response whose status is not 200.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return e.text }

func isNotFound(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == http.StatusNotFound
}

// serverSays returns the message of an error response, such as ": trace not found".
func serverSays(b []byte) string {
	var doc struct {
		Errors []struct{ Msg string } `json:"errors"`
		Error  json.RawMessage        `json:"error"`
	}
	said := string(b)
	if json.Unmarshal(b, &doc) == nil {
		var message struct{ Message string }
		switch {
		case len(doc.Errors) > 0:
			said = doc.Errors[0].Msg
		case json.Unmarshal(doc.Error, &message) == nil && message.Message != "":
			said = message.Message
		}
	}
	said, _, _ = strings.Cut(strings.TrimSpace(said), "\n")
	if said == "" || strings.HasPrefix(said, "<") {
		return ""
	}
	return ": " + text.Printable(text.Shorten(strings.ToValidUTF8(said, "\uFFFD"), 200))
}

// body resets the timer with each part of a response.
type body struct {
	r      io.Reader
	silent *time.Timer
	d      time.Duration
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if n > 0 {
		b.silent.Reset(b.d)
	}
	return n, err
}

// answer requests a path, and decodes the JSON of the response.
func (c *client) answer(ctx context.Context, path string, params url.Values, into any) error {
	return c.get(ctx, path, params, func(r io.Reader) error {
		if err := json.NewDecoder(io.LimitReader(r, maxPlain)).Decode(into); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	})
}

// spans requests a path, and adds the spans of the response to into.
func (c *client) spans(ctx context.Context, path string, params url.Values, into *chain.Collection) (report chain.Report, err error) {
	err = c.get(ctx, path, params, func(r io.Reader) (err error) {
		report, err = into.Read(r)
		return err
	})
	return report, err
}

// detect finds out the kind of the server, unless it is set.
func (c *client) detect(ctx context.Context) error {
	if c.kind != "" {
		return nil
	}
	var services struct {
		Data *json.RawMessage `json:"data"`
	}
	err := c.answer(ctx, "/api/services", nil, &services)
	if err == nil && services.Data != nil {
		c.kind = Jaeger
		return nil
	}
	if isDown(err) {
		return err
	}
	var echo []byte
	err = c.get(ctx, "/api/echo", nil, func(r io.Reader) (err error) {
		echo, err = io.ReadAll(io.LimitReader(r, 64))
		return err
	})
	if err == nil && strings.TrimSpace(string(echo)) == "echo" {
		c.kind = Tempo
		return nil
	}
	if isDown(err) {
		return err
	}
	return fmt.Errorf("query: %s is neither a Jaeger nor a Tempo: /api/services and /api/echo do not answer as theirs", c.base.Redacted())
}

// isDown reports whether a server cannot be reached at all, or the request was cancelled.
func isDown(err error) bool {
	var silent *silentError
	var op interface{ Timeout() bool } // a method that the errors of the network have
	return errors.As(err, &silent) || errors.As(err, &op) || errors.Is(err, context.Canceled)
}
