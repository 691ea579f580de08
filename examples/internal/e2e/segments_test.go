package e2e_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// TestSegments has a connection in several traces: each is small and whole, its root is
// a segment that links to the handshake and to the segment before, and all are found by
// the connection's id.
func TestSegments(t *testing.T) {
	const budget = 100
	j := newJaeger(t)
	j.start()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+j.http)
	spans, err := telemetry.New(0, "")
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := spans.Tracer(t.Context(), "long")
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, tracer, 300, wsconn.WithTraceBudget(budget, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
	spans.Shutdown(t.Context())

	search := func(tags ...string) (ids []string) {
		for _, end := range []string{" client", " echo"} {
			ids = append(ids, j.search(url.Values{"service": {"long"}, "operation": {semconv.SpanSegment + end}, "limit": {"1000"}, "tags": tags})...)
		}
		return ids
	}
	ids := search()
	if len(ids) < 10 {
		t.Fatalf("%d traces with a segment as their root, want those of some 2,400 spans", len(ids))
	}
	var all []chain.Span
	largest := 0
	for _, id := range ids {
		got := j.trace(traceID(t, id))
		largest = max(largest, len(got))
		if n := len(got); n > 3*budget { // while one goroutine begins the next, others go on in this
			t.Errorf("a trace of %d spans, want about %d", n, budget)
		}
		if _, warnings := j.page(traceID(t, id)); len(warnings) > 0 {
			t.Errorf("the page warns: %q", warnings)
		}
		if len(got) < 2 {
			t.Errorf("a trace of nothing but\n%s", chain.New(got))
		}
		all = append(all, got...)
	}
	t.Logf("%d spans in %d traces, the largest of %d", len(all), len(ids), largest)
	segments := chain.New(all).Named(semconv.SpanSegment)
	of := map[string]int{} // connections
	for _, s := range segments {
		id := s.Str(semconv.WebSocketConnectionIDKey)
		of[id]++
		if s.Parent != nil || len(s.Links) == 0 || s.Links[0].SpanContext.SpanID().String() != id {
			t.Errorf("segment %v: want a root that links to the handshake, %s", s, id)
		}
	}
	if len(of) != 2 {
		t.Errorf("segments of the connections %v, want those of its two ends", of)
	}
	for _, s := range segments {
		found := j.follow(string(semconv.WebSocketConnectionIDKey), s.TraceID.String())
		if n := of[s.Str(semconv.WebSocketConnectionIDKey)] + 1; len(found) != n {
			t.Errorf("the page's link of %v finds %d traces, want %d and the handshake's", s, len(found), n-1)
		}
	}
	for id, n := range of {
		found := search(`{"` + string(semconv.WebSocketConnectionIDKey) + `":"` + id + `"}`)
		if len(found) != n {
			t.Errorf("a search for connection %s finds %d traces, want %d", id, len(found), n)
		}
	}
}

// exchange sends n messages there and back, one after the other.
func exchange(t *testing.T, tracer *trace.Tracer, n int, opts ...wsconn.Option) {
	t.Helper()
	handler := wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
		for {
			typ, msg, err := c.Read(ctx)
			if err == nil {
				err = c.Write(ctx, typ, msg)
			}
			if err != nil {
				return err
			}
		}
	}, opts...)
	served := make(chan struct{})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		handler.ServeHTTP(w, r)
	}))
	srv.Config.BaseContext = func(net.Listener) context.Context { return tracer.NewContext(context.Background()) }
	srv.Start()
	defer srv.Close()
	err := trace.Handle(tracer.NewContext(t.Context()), "client", func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, srv.URL, nil, opts...)
		if err != nil {
			return err
		}
		defer c.CloseNow()
		for range n {
			if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
				return err
			}
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		return c.Close(wsconn.StatusNormalClosure, "")
	})
	if err != nil {
		t.Fatal(err)
	}
	<-served // its spans have ended
}
