package coderws_test

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/coderws"
)

// shown are how many spans of each name a client has that writes a message and
// reads it, and how many of them are in the trace of its handshake.
func shown(t *testing.T, opts ...coderws.Option) (all, whole map[string]int) {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	srv := httptest.NewServer(coderws.Handler("echo", echo))
	defer srv.Close()
	provider := coderws.WithTracerProvider(rec.TracerProvider())
	c, _, err := coderws.Dial(t.Context(), srv.URL, nil, append(opts, provider)...)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if err := c.Write(t.Context(), coderws.MessageText, []byte("hello")); err != nil {
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
	handshake := tracetest.One(t, chain, trace.SpanHandshake)
	for _, s := range chain.Spans {
		all[s.Name]++
		if s.TraceID == handshake.TraceID {
			whole[s.Name]++
		}
	}
	return all, whole
}

// Every option of the volume reaches what it configures.
func TestVolumeOptions(t *testing.T) {
	messages := func(n map[string]int) int { return n[trace.SpanRead] + n[trace.SpanWrite] }
	for _, test := range []struct {
		name       string
		opts       []coderws.Option
		all, whole int // reads and writes, and those in the handshake's trace
		segments   int
	}{
		{"default", nil, 2, 2, 0},
		{"all", []coderws.Option{coderws.WithMessageSpans(coderws.MessagesNone), coderws.WithMessageSpans(coderws.MessagesAll)}, 2, 2, 0},
		{"auto", []coderws.Option{coderws.WithMessageSpans(coderws.MessagesNone), coderws.WithMessageSpans(coderws.MessagesAuto)}, 2, 2, 0},
		{"blocked", []coderws.Option{coderws.WithMessageSpans(coderws.MessagesBlocked), coderws.WithMinBlock(time.Hour)}, 0, 0, 0},
		{"none", []coderws.Option{coderws.WithMessageSpans(coderws.MessagesNone)}, 0, 0, 0},
		{"a trace per message", []coderws.Option{coderws.WithTracePerMessage()}, 2, 0, 0},
		{"a budget", []coderws.Option{coderws.WithMessageSpans(coderws.MessagesAll), coderws.WithTraceBudget(1, time.Hour)}, 2, 1, 1},
		{"no budget", []coderws.Option{coderws.WithTraceBudget(1, 1), coderws.WithTraceBudget(0, 0)}, 2, 2, 0},
	} {
		all, whole := shown(t, test.opts...)
		if messages(all) != test.all || messages(whole) != test.whole || all[trace.SpanSegment] != test.segments {
			t.Errorf("%s: got %d reads and writes, %d in the handshake's trace, and %d segments; want %d, %d and %d", test.name,
				messages(all), messages(whole), all[trace.SpanSegment], test.all, test.whole, test.segments)
		}
	}
	if all, _ := shown(t, coderws.WithMinBlock(time.Hour)); all[trace.SpanBlock] != 0 {
		t.Errorf("WithMinBlock: got %d blocks, want none", all[trace.SpanBlock])
	}
}

func TestMeterProvider(t *testing.T) {
	r := sdkmetric.NewManualReader()
	shown(t, coderws.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))), coderws.WithMeterProvider(nil))
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
		trace.MetricOpenConnections, trace.MetricHandshakeDuration, trace.MetricMessages, trace.MetricMessageSize, trace.MetricIO,
	} {
		if !got[want] {
			t.Errorf("nothing measured of %s", want)
		}
	}
}
