package otlp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace/lean/otlp"
)

// quick makes retries wait for a millisecond.
var quick = otlp.WithRetry(otlp.RetryConfig{Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: time.Minute})

// A status means success, a retry, or an error at once.
func TestStatus(t *testing.T) {
	for status, tries := range map[int]int{
		200: 1, 202: 1, 204: 1,
		429: 3, 502: 3, 503: 3, 504: 3,
		400: 1, 401: 1, 404: 1, 408: 1, 413: 1, 415: 1, 500: 1, 501: 1, 505: 1,
	} {
		srv := newServer(t, func(w http.ResponseWriter, n int) {
			if n < 2 {
				w.WriteHeader(status)
				if status >= 400 {
					fmt.Fprint(w, " it is \x00 so\n")
				}
			}
		})
		e := newExporter(t, otlp.WithEndpointURL(srv.URL+"/v1/traces?key=secret"), quick)
		err := e.ExportSpans(t.Context(), spans(2, "a"))
		if fails := tries == 1 && status >= 400; fails != (err != nil) {
			t.Errorf("%d: got %v", status, err)
		}
		if err != nil {
			want := fmt.Sprintf("otlp: 2 spans to %s/v1/traces: %d %s: %q", srv.URL, status, http.StatusText(status), "it is \x00 so")
			if err.Error() != want {
				t.Errorf("%d: got %q, want %q", status, err, want)
			}
		}
		if got := srv.requests(); len(got) != tries || string(got[0].body) != string(got[tries-1].body) {
			t.Errorf("%d: got %d tries, want %d of the same", status, len(got), tries)
		}
	}
}

func TestNoRetry(t *testing.T) {
	srv := newServer(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(503) })
	e := newExporter(t, otlp.WithEndpointURL(srv.URL), otlp.WithRetry(otlp.RetryConfig{}))
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err == nil {
		t.Error("no error")
	}
	srv.one(t)
}

// times returns when the tries of one export took place, in a bubble of fake time, and
// when the export returned.
func times(t *testing.T, opts []otlp.Option, try func(n int, r *http.Request) (*http.Response, error)) (at []time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			at = append(at, time.Since(start))
			return try(len(at), r)
		})
		e := newExporter(t, append(opts, otlp.WithHTTPClient(&http.Client{Transport: transport}))...)
		err = e.ExportSpans(t.Context(), spans(1, "a"))
		at = append(at, time.Since(start))
	})
	return at, err
}

func TestBackoff(t *testing.T) {
	at, err := times(t, nil, func(_ int, r *http.Request) (*http.Response, error) { return answer(r, 503, nil), nil })
	if err == nil {
		t.Error("no error")
	}
	end := at[len(at)-1]
	at = at[:len(at)-1]
	if len(at) < 4 || at[len(at)-1] > time.Minute || end != at[len(at)-1] {
		t.Errorf("got tries at %v and the end at %v, want some within a minute, and no wait after the last", at, end)
	}
	least := 2500 * time.Millisecond
	for i := 1; i < len(at); i++ {
		if d := at[i] - at[i-1]; d < least || d > 3*least {
			t.Errorf("try %d came after %v, want %v to %v", i, d, least, 3*least)
		}
		least = min(least+least/2, 15*time.Second)
	}
	other, _ := times(t, nil, func(_ int, r *http.Request) (*http.Response, error) { return answer(r, 503, nil), nil })
	if fmt.Sprint(other) == fmt.Sprint(at) {
		t.Errorf("twice the same times, %v: they are to be partly random", at)
	}
}

func TestRetryAfter(t *testing.T) {
	for _, header := range []func() string{
		func() string { return "20" },
		func() string { return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		at, err := times(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			if n > 1 {
				return answer(r, 200, nil), nil
			}
			return answer(r, 429, http.Header{"Retry-After": {header()}}), nil
		})
		if err != nil || len(at) != 3 || at[1] != 20*time.Second {
			t.Errorf("got tries at %v and %v, want the second after 20s", at, err)
		}
	}
	for _, v := range []string{"61", "999999999999999999999999", "-1", "soon", "Mon, 01 Jan 1990 00:00:00 GMT"} {
		at, err := times(t, nil, func(n int, r *http.Request) (*http.Response, error) {
			if n > 1 {
				return answer(r, 200, nil), nil
			}
			return answer(r, 503, http.Header{"Retry-After": {v}}), nil
		})
		if v == "61" { // longer than an export may take
			if err == nil || len(at) != 2 || at[1] != 0 {
				t.Errorf("%s: got tries at %v and %v, want an error at once", v, at, err)
			}
		} else if err != nil || at[1] > 8*time.Second {
			t.Errorf("%s: got tries at %v and %v, want that it counts for nothing", v, at, err)
		}
	}
}

// A server that does not answer is tried again. After an export that gave up, each export
// tries once, until there is an answer.
func TestAway(t *testing.T) {
	// The waits are random. An export gives up if the next wait would end after a minute.
	// The fifth wait may take 38 s.
	const least = 20 * time.Second
	synctest.Test(t, func(t *testing.T) {
		tries, there := 0, false
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			tries++
			if there {
				return answer(r, 503, nil), nil
			}
			return nil, &net.OpError{Op: "dial", Err: errors.New("refused")}
		})
		e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: transport}))
		export := func() (n int, took time.Duration) {
			start := time.Now()
			tries = 0
			if err := e.ExportSpans(t.Context(), spans(1, "a")); err == nil {
				t.Error("no error")
			}
			return tries, time.Since(start)
		}
		for i, many := range []bool{true, false, false} {
			if n, took := export(); many != (n > 1) || many != (took > least) {
				t.Errorf("export %d: %d tries in %v, want more than one: %v", i, n, took, many)
			}
		}
		there = true // it answers, but is busy
		if n, _ := export(); n < 2 {
			t.Errorf("%d tries, want more", n)
		}
		there = false
		if n, _ := export(); n < 2 {
			t.Errorf("%d tries, want more", n)
		}
	})
}

// A server that hangs up is tried again, with the same body.
func TestHangUp(t *testing.T) {
	srv := newServer(t, func(w http.ResponseWriter, n int) {
		if n < 2 {
			panic(http.ErrAbortHandler)
		}
	})
	e := newExporter(t, otlp.WithEndpointURL(srv.URL), quick)
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err != nil {
		t.Error(err)
	}
	got := srv.requests()
	if len(got) != 3 || string(got[2].body) != string(got[0].body) {
		t.Errorf("got %d requests, want 3 of the same", len(got))
	}
}

func TestTimeout(t *testing.T) {
	at, err := times(t, []otlp.Option{otlp.WithTimeout(time.Second)}, func(n int, r *http.Request) (*http.Response, error) {
		if n > 1 {
			return answer(r, 200, nil), nil
		}
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	if err != nil || len(at) != 3 || at[1] < 3500*time.Millisecond || at[1] > 8500*time.Millisecond {
		t.Errorf("got tries at %v and %v, want a second one 2.5 to 7.5 s after 1s", at, err)
	}
	_, err = times(t, []otlp.Option{otlp.WithRetry(otlp.RetryConfig{})}, func(_ int, r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
	if err == nil || !strings.Contains(err.Error(), "no response within 10s") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	at, err = times(t, []otlp.Option{otlp.WithTimeout(0)}, func(_ int, r *http.Request) (*http.Response, error) {
		if _, limited := r.Context().Deadline(); limited {
			t.Error("a deadline, want none")
		}
		return answer(r, 200, nil), nil
	})
	if err != nil || len(at) != 2 {
		t.Errorf("got %v, %v", at, err)
	}
}

// A redirect is not followed, since the headers with a key would be sent there, too.
func TestRedirect(t *testing.T) {
	other := newServer(t, nil)
	for status := range map[int]bool{301: true, 302: true, 303: true, 307: true, 308: true} {
		srv := newServer(t, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", other.URL+"/there?key=secret")
			w.WriteHeader(status)
		})
		e := newExporter(t, otlp.WithEndpointURL(srv.URL), otlp.WithHeaders(map[string]string{"X-Key": "secret"}))
		err := e.ExportSpans(t.Context(), spans(1, "a"))
		if err == nil || !strings.Contains(err.Error(), "to "+other.URL+"/there: redirects are not followed") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%d: got %v", status, err)
		}
		srv.one(t)
	}
	if got := other.requests(); len(got) > 0 {
		t.Errorf("the other host got %d requests", len(got))
	}
}

// No more than a part of a long answer is read.
func TestLongAnswer(t *testing.T) {
	errs := handled(t)
	for _, status := range []int{200, 400} {
		var written int64
		srv := newServer(t, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			w.WriteHeader(status)
			written, _ = io.Copy(w, io.LimitReader(endless{}, 1<<30)) // until the client hangs up
		})
		e := newExporter(t, otlp.WithEndpointURL(srv.URL))
		if err := e.ExportSpans(t.Context(), spans(1, "a")); (err != nil) != (status == 400) {
			t.Errorf("%d: got %v", status, err)
		}
		srv.Close()
		if written >= 1<<28 {
			t.Errorf("%d: %d bytes were taken of the answer", status, written)
		}
	}
	if got := errs(); len(got) != 1 || !strings.Contains(got[0].Error(), "65536 bytes") {
		t.Errorf("otel.Handle got %v, want one error of the answer to what was taken", got)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
