package e2e_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
)

// TestTailSampling has a Jaeger that samples by tail-sampling.yaml: it keeps what is
// stuck while it is, what was blocked for more than a second and what failed, all of
// each trace, and about one of a hundred others.
func TestTailSampling(t *testing.T) {
	const healthy = 2000
	t.Setenv("DECISION_WAIT", "2s")
	j := newJaeger(t)
	j.start("-sample")
	stuck := startPair(t, j.env(), time.Hour, "-watch")

	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+j.http)
	spans, err := telemetry.New(0, "")
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := spans.Tracer(t.Context(), "service")
	if err != nil {
		t.Fatal(err)
	}
	one := func(name string, f func(context.Context) error) oteltrace.TraceID {
		ctx, op := trace.Start(tracer.NewContext(t.Context()), name)
		defer func() { op.End(f(ctx)) }()
		return op.SpanContext().TraceID() // which has none when it is over
	}
	fine := func(context.Context) error { return nil }
	for range healthy {
		one("fine", fine)
	}
	kept := map[string]oteltrace.TraceID{
		"failed":  one("failed", func(context.Context) error { return errors.New("no") }),
		"blocked": one("blocked", func(ctx context.Context) error { return trace.Sleep(ctx, 1100*time.Millisecond) }),
	}
	spans.Shutdown(t.Context())

	// Judged in the order in which they began: the others have been, too, then.
	for name, id := range kept {
		want := map[string]int{"failed": 1, "blocked": 4}[name] // with sleep, block and wake
		eventually(t, "Jaeger has the whole trace "+name, func() bool { return len(j.trace(id)) == want })
	}
	n := len(j.search(url.Values{"service": {"service"}, "operation": {"fine"}, "limit": {"5000"}}))
	if n == 0 || n > healthy/25 {
		t.Errorf("%d of %d traces with nothing in them were kept, want about %d", n, healthy, healthy/100)
	}
	t.Logf("%d of %d traces with nothing in them were kept", n, healthy)

	query, err := url.ParseQuery(stalledQuery(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "Jaeger has what is stuck", func() bool { return len(j.search(query)) > 0 })
	select {
	case <-stuck.server.done:
		t.Error("the sender is not stuck any more")
	default:
	}
	stuck.client.interrupt()
	stuck.end()
}
