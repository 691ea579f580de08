package explain_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/explain"
)

func TestExporter(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	e := explain.NewExporter(&b, explain.WithWidth(60))
	p := sdktrace.NewTracerProvider(sdktrace.WithSyncer(e))
	ctx := trace.New(trace.WithTracerProvider(p)).NewContext(t.Context())
	ctx, root := p.Tracer("x").Start(ctx, "main")
	<-trace.Go(ctx, "worker", func(context.Context) error { return errors.New("no such table: users") }).Done()
	root.End()
	if c, found := e.Explain(); c.Len() == 0 || len(found) != 1 || found[0].Rule != explain.GoroutineEnded {
		t.Fatalf("%d spans, %v", c.Len(), found)
	}
	if b.Len() > 0 {
		t.Errorf("it prints before the end: %s", &b)
	}
	for range 2 {
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(strings.Fields(b.String()), " "); strings.Count(got, "goroutine-ended") != 1 || !strings.Contains(got, "no such table: users") {
		t.Errorf("got %s", got)
	}
}

func stubAt(name string, at time.Duration) sdktrace.ReadOnlySpan {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(at)
	return sdktracetest.SpanStub{Name: name, StartTime: start, EndTime: start.Add(time.Millisecond)}.Snapshot()
}

func TestExporterIsLimited(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	e := explain.NewExporter(&b, explain.WithMaxSpans(2), explain.WithMaxSpans(0))
	spans := []sdktrace.ReadOnlySpan{stubAt("a", time.Second), stubAt("b", 2*time.Second), stubAt("c", 3*time.Second)}
	if err := e.ExportSpans(t.Context(), spans); err != nil {
		t.Fatal(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "Nothing found in 2 spans of 1 service.\n\n1 span came after the first 2 and were not looked at.\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := explain.NewExporter(broken{}).Shutdown(t.Context()); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestExporterConcurrentSafe(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	e := explain.NewExporter(&b)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 50 {
				if err := e.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{stubAt(fmt.Sprint(i, j), time.Second)}); err != nil {
					t.Error(err)
				}
				e.Explain()
			}
		})
	}
	wg.Wait()
	if err := e.Shutdown(t.Context()); err != nil || !strings.Contains(b.String(), "200 spans") {
		t.Errorf("%v, %s", err, &b)
	}
}
