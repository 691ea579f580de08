package session_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// bye makes the client write one more message and the server read it.
func (p *pair) bye(t *testing.T) {
	t.Helper()
	if err := p.client.Write(t.Context(), messageText, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.server.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A sampled connection shows its stalls itself, and reports none.
func TestStallOfASampledConnection(t *testing.T) {
	rec, whole := newRecorder(t), newRecorder(t)
	p := stallPair(t, libraries[0], setup{}, rec, whole.option())
	p.stall(t, func(written *atomic.Int64) {
		for last := int64(-1); last <= 0 || last != written.Load(); { // until a write has waited for so long
			last = written.Load()
			<-time.NewTimer(2 * stallAfter).C
		}
	})
	p.bye(t)
	closeBoth(p.client, p.server)
	wantEnded(t, whole)
	if n := rec.Chain().Len(); n != 0 {
		t.Errorf("got %d spans of a stall, want none: %s", n, names(rec.Chain()))
	}
	if len(whole.Chain().Named("block")) == 0 {
		t.Error("got no block of the connection itself")
	}
}

// A connection that is measured, but not sampled, reports its stalls, too.
func TestStallOfAMeasuredConnection(t *testing.T) {
	rec := newRecorder(t)
	p := stallPair(t, libraries[0], setup{}, rec, newMeasured().option())
	p.stall(t, func(*atomic.Int64) { wantEnd(t, rec, semconv.SpanStalled, 1) })
	p.bye(t)
	wantEnd(t, rec, semconv.SpanHistory, 1)
	wantEnded(t, rec)
	if got, want := names(rec.Chain()), "block peer_window,history,stalled,wake peer_read,write"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A client cannot make a public endpoint record its history. The trace pong that asks for
// it is not even removed, and the library ignores it.
func TestStallAtAPublicEndpoint(t *testing.T) {
	rec := newRecorder(t)
	p := stallPair(t, libraries[0], setup{server: []session.Option{session.WithPublicEndpoint()}}, rec)
	p.stall(t, func(*atomic.Int64) { wantEnd(t, rec, semconv.SpanStalled, 1) })
	p.bye(t)
	closeBoth(p.client, p.server)
	wantEnded(t, rec)
	if n := len(rec.Chain().Named(semconv.SpanHistory)); n != 0 {
		t.Errorf("got %d histories, want none", n)
	}
	if n := len(rec.Chain().Named(semconv.SpanWrite)); n != 1 {
		t.Errorf("got %d writes, want that of the client", n)
	}
}

// Reports of failures are limited as those of stalls are, and the others are counted.
func TestStallsAreLimited(t *testing.T) {
	rec, m := newRecorder(t), newMeasured()
	_, url := listen(t) // nobody serves it
	const n = 20
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, _, err := libraries[0].traced.dial(ctx, strings.Replace(url, "://", "://none.invalid@", 1), options{client: refusingClient()},
			offs(t)["unsampled"].option(), m.option(), session.WithStalls(session.Stalls{PerSecond: 1, TracerProvider: rec.TracerProvider}))
		cancel()
		if err == nil {
			t.Fatal("got a connection")
		}
	}
	told := len(rec.Chain().Named(semconv.SpanHandshake))
	if told == 0 || told > n/2 {
		t.Errorf("got %d of %d told, want one a second", told, n)
	}
	if got := m.text(t); !strings.Contains(got, semconv.MetricStallsSuppressed) || !strings.Contains(got, "stall.cause=refused") {
		t.Errorf("got metrics\n%s\nwant those that were left out", got)
	}
}

func refusingClient() *http.Client {
	return &http.Client{Transport: protocol(func(*http.Request) (*http.Response, error) { return nil, errNoConn })}
}

// A lost connection is reported once, by the operation that failed.
func TestFailureOfAnUnsampledConnection(t *testing.T) {
	rec := newRecorder(t)
	c, _, p := rawClient(t, libraries[0], setup{client: []session.Option{
		offs(t)["unsampled"].option(), session.WithStalls(session.Stalls{PerSecond: 1 << 20, TracerProvider: rec.TracerProvider}),
	}, server: []session.Option{
		offs(t)["unsampled"].option(), session.WithStalls(session.Stalls{PerSecond: 1 << 20, TracerProvider: rec.TracerProvider}),
	}}, nil)
	p.send(t, p.frame(0x81, "hello"))
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Fatal("got a message")
	}
	_ = c.Write(t.Context(), messageText, []byte("x"))
	_ = c.CloseNow()
	wantEnded(t, rec)
	if got, want := names(rec.Chain()), "read"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	s := rec.Chain().Spans[0]
	if s.Str(semconv.ErrorTypeKey) == "" || s.Str(semconv.StallCauseKey) != string(semconv.StallFailed) || !strings.HasPrefix(s.Str(semconv.WebSocketHistoryReceiveKey), "text:5@") {
		t.Errorf("got %v", s.Attributes)
	}
}

// A sampler by ratio takes a whole stall or nothing of it. The program still propagates
// that it is not sampled.
func TestStallSampler(t *testing.T) {
	none := lean.StallSampler(sdktrace.TraceIDRatioBased(0))
	for name, provider := range map[string]func(*tracetest.SpanRecorder) oteltrace.TracerProvider{
		"sdk": func(r *tracetest.SpanRecorder) oteltrace.TracerProvider {
			return sdktrace.NewTracerProvider(sdktrace.WithSampler(none), sdktrace.WithSpanProcessor(r))
		},
		"lean": func(r *tracetest.SpanRecorder) oteltrace.TracerProvider {
			return lean.NewTracerProvider(lean.WithSampler(none), lean.WithSpanProcessor(r))
		},
	} {
		t.Run(name, func(t *testing.T) {
			ended := tracetest.NewSpanRecorder()
			tp := provider(ended)
			l, url := listen(t)
			accepted, sent := make(chan conn, 1), make(chan string, 1)
			opts := []session.Option{session.WithTracerProvider(tp), session.WithStalls(session.Stalls{After: stallAfter, PerSecond: 1 << 20})}
			serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := libraries[0].traced.accept(w, r, options{}, opts...)
				if err != nil {
					t.Error(err)
				}
				sent <- r.Header.Get("Traceparent")
				accepted <- c
			}))
			c, _, err := libraries[0].traced.dial(t.Context(), url, options{}, opts...)
			if err != nil {
				t.Fatal(err)
			}
			p := &pair{client: c, server: <-accepted}
			defer closeBoth(p.client, p.server)
			if got := <-sent; !strings.HasSuffix(got, "-00") {
				t.Errorf("got traceparent %q, want one that is not sampled", got)
			}
			has := func(name string) func() bool {
				return func() bool {
					return slices.ContainsFunc(ended.Ended(), func(s sdktrace.ReadOnlySpan) bool { return s.Name() == name })
				}
			}
			p.stall(t, func(*atomic.Int64) { until(t, "the stall is reported", has(semconv.SpanStalled)) })
			p.bye(t)
			until(t, "the history is reported", has(semconv.SpanHistory))
			if got, want := names(chain.New(chain.FromSpans(ended.Ended()))), "block peer_window,history,stalled,wake peer_read,write"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
