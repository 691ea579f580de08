package e2e_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// TestStallOfAnUnsampledConnection has nothing sampled, and finds the stall in Jaeger all
// the same: one trace, with what passed at both ends.
func TestStallOfAnUnsampledConnection(t *testing.T) {
	j := newJaeger(t)
	j.start()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL("http://127.0.0.1:"+j.http+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "unsampled"))),
		sdktrace.WithSampler(lean.StallSampler(sdktrace.ParentBased(sdktrace.NeverSample()))))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	const after = 300 * time.Millisecond
	opts := []wsconn.Option{wsconn.WithTracerProvider(tp), wsconn.WithStalls(wsconn.Stalls{After: after})}

	var written atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wsconn.Accept(w, r, nil, opts...)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		ticks := time.NewTicker(2 * after)
		defer ticks.Stop()
		for last := int64(-1); last <= 0 || last != written.Load(); { // until a write has waited for so long
			last = written.Load()
			<-ticks.C
		}
		for {
			if _, p, err := c.Read(r.Context()); err != nil || len(p) == 3 {
				return
			}
		}
	}))
	defer srv.Close()
	c, _, err := wsconn.Dial(t.Context(), strings.Replace(srv.URL, "http", "ws", 1), nil, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for range 500 { // more than the kernel holds
		if err := c.Write(t.Context(), wsconn.MessageBinary, make([]byte, 30<<10)); err != nil {
			t.Fatal(err)
		}
		written.Add(1)
	}
	_ = c.Write(t.Context(), wsconn.MessageText, []byte("bye"))
	_, _, _ = c.Read(t.Context())
	_ = c.CloseNow()
	if err := tp.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}

	query := url.Values{"service": {"unsampled"}, "operation": {"block peer_window"}}
	var ids []string
	eventually(t, "Jaeger has the stall", func() bool { ids = j.search(query); return len(ids) > 0 })
	got := chain.New(j.trace(traceID(t, ids[0])))
	for _, name := range []string{semconv.SpanWrite, "block peer_window", "wake peer_read", semconv.SpanStalled, semconv.SpanHistory} {
		if len(got.Named(name)) == 0 {
			t.Errorf("got no %s in\n%s", name, got)
		}
	}
	t.Log("\n" + got.String())
}
