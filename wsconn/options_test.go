package wsconn_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// shown returns how many spans of each name a client has that writes and reads a message,
// and how many of them are in the trace of its handshake.
func shown(t *testing.T, opts ...wsconn.Option) (all, whole map[string]int) {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	srv := httptest.NewServer(wsconn.Handler("echo", echo))
	defer srv.Close()
	provider := wsconn.WithTracerProvider(rec.TracerProvider())
	c, _, err := wsconn.Dial(t.Context(), srv.URL, nil, append(opts, provider)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(t.Context(), wsconn.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()
	all, whole = map[string]int{}, map[string]int{}
	if err := rec.WaitEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	chain := rec.Chain()
	handshake := tracetest.One(t, chain, semconv.SpanHandshake)
	for _, s := range chain.Spans {
		all[s.Word()]++
		if s.TraceID == handshake.TraceID {
			whole[s.Word()]++
		}
	}
	return all, whole
}

// Each option about volume reaches what it configures.
func TestVolumeOptions(t *testing.T) {
	messages := func(n map[string]int) int { return n[semconv.SpanRead] + n[semconv.SpanWrite] }
	for _, test := range []struct {
		name       string
		opts       []wsconn.Option
		all, whole int // reads and writes, and those in the handshake's trace
		segments   int
	}{
		{"default", nil, 2, 2, 0},
		{"all", []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesNone), wsconn.WithMessageSpans(wsconn.MessagesAll)}, 2, 2, 0},
		{"auto", []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesNone), wsconn.WithMessageSpans(wsconn.MessagesAuto)}, 2, 2, 0},
		{"blocked", []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesBlocked), wsconn.WithMinBlock(time.Hour)}, 0, 0, 0},
		{"none", []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesNone)}, 0, 0, 0},
		{"a trace per message", []wsconn.Option{wsconn.WithTracePerMessage()}, 2, 0, 0},
		{"a budget", []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesAll), wsconn.WithTraceBudget(1, time.Hour)}, 2, 1, 1},
		{"no budget", []wsconn.Option{wsconn.WithTraceBudget(1, 1), wsconn.WithTraceBudget(0, 0)}, 2, 2, 0},
	} {
		all, whole := shown(t, test.opts...)
		if messages(all) != test.all || messages(whole) != test.whole || all[semconv.SpanSegment] != test.segments {
			t.Errorf("%s: got %d reads and writes, %d in the handshake's trace, and %d segments; want %d, %d and %d", test.name,
				messages(all), messages(whole), all[semconv.SpanSegment], test.all, test.whole, test.segments)
		}
	}
	if all, _ := shown(t, wsconn.WithMinBlock(time.Hour)); all[semconv.SpanBlock] != 0 {
		t.Errorf("WithMinBlock: got %d blocks, want none", all[semconv.SpanBlock])
	}
}

func TestMeterProvider(t *testing.T) {
	r := sdkmetric.NewManualReader()
	shown(t, wsconn.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))), wsconn.WithMeterProvider(nil))
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			got[m.Name] = true
		}
	}
	for _, want := range []string{
		semconv.MetricOpenConnections, semconv.MetricHandshakeDuration, semconv.MetricMessages, semconv.MetricMessageSize, semconv.MetricIO,
	} {
		if !got[want] {
			t.Errorf("nothing measured of %s", want)
		}
	}
}
