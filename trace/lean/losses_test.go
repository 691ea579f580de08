package lean_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

// blocked is an exporter that waits until goes is closed, and then returns err.
type blocked struct {
	goes chan struct{}
	err  error
}

func (b blocked) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error {
	<-b.goes
	return b.err
}

func (blocked) Shutdown(context.Context) error { return nil }

// handled returns a function that returns the errors of otel.Handle since its last call.
func handled(t *testing.T) func() []string {
	var mu sync.Mutex
	var all []string
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, err.Error())
	}))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		told := all
		all = nil
		return told
	}
}

// droppedBy returns the values of the metric, by error.type.
func droppedBy(t *testing.T, r *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	by := map[string]int64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			if m.Name != semconv.MetricSpansDropped || s.Scope.Name != trace.ScopeName || m.Unit != "{span}" {
				t.Errorf("got %s of %s in %s", m.Name, s.Scope.Name, m.Unit)
				continue
			}
			for _, d := range m.Data.(metricdata.Sum[int64]).DataPoints {
				typ, _ := d.Attributes.Value(semconv.ErrorTypeKey)
				by[typ.AsString()] = d.Value
			}
		}
	}
	return by
}

// Spans that a full queue refuses are counted, and reported once a minute. Spans that an
// exporter fails to export are counted, too. It is the same with bursts and without.
func TestLosses(t *testing.T) {
	for name, queue := range map[string]int{"bursts": 8 * burst, "one by one": 16} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, reader := handled(t), sdkmetric.NewManualReader()
				e := blocked{make(chan struct{}), errors.New("refused")}
				tp := lean.NewTracerProvider(lean.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))),
					lean.WithBatcher(e, sdktrace.WithMaxQueueSize(queue), sdktrace.WithMaxExportBatchSize(queue), sdktrace.WithBatchTimeout(time.Second)))
				tracer := tp.Tracer(trace.ScopeName)
				spans := 0
				end := func(n int) {
					for range n {
						_, s := tracer.Start(t.Context(), "span")
						s.End()
						spans++
					}
				}
				end(queue) // the exporter has them, and blocks
				time.Sleep(2 * time.Second)
				end(queue + 2*burst) // the queue is full
				time.Sleep(2 * time.Second)
				end(1)
				if got := told(); len(got) != 1 || !strings.Contains(got[0], "were dropped because the queue of the batch processor was full") {
					t.Errorf("otel.Handle was told %q, want that spans were dropped, once", got)
				}
				end(2 * burst)
				time.Sleep(50 * time.Second)
				end(burst)
				if got := told(); len(got) > 0 {
					t.Errorf("within a minute it was told %q", got)
				}
				time.Sleep(time.Minute)
				end(burst)
				if got := told(); len(got) != 1 {
					t.Errorf("after a minute it was told %q", got)
				}
				time.Sleep(2 * time.Second)
				if got, want := droppedBy(t, reader)[semconv.ErrorQueueFull], int64(spans-2*queue); got != want {
					t.Errorf("%d were counted as dropped, want %d", got, want)
				}
				close(e.goes)
				_ = tp.Shutdown(t.Context())
			})
		})
	}
}

func TestLossesOfTheExporter(t *testing.T) {
	handled(t)
	reader := sdkmetric.NewManualReader()
	e := blocked{make(chan struct{}), errors.New("refused")}
	close(e.goes)
	tp := lean.NewTracerProvider(lean.WithBatcher(e), lean.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
	for range 7 {
		_, s := tp.Tracer(trace.ScopeName).Start(t.Context(), "span")
		s.End()
	}
	_ = tp.ForceFlush(t.Context())
	if got := droppedBy(t, reader); got[semconv.ErrorExportFailed] != 7 || got[semconv.ErrorQueueFull] != 0 {
		t.Errorf("got %v, want 7 that were not exported", got)
	}
	_ = tp.Shutdown(t.Context())
	if got := droppedBy(t, reader); len(got) != 0 {
		t.Errorf("after Shutdown: got %v, want nothing", got)
	}
}

// What was refused last is reported at the end.
func TestLossesAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := handled(t)
		e := blocked{make(chan struct{}), nil}
		tp := lean.NewTracerProvider(lean.WithBatcher(e, sdktrace.WithMaxQueueSize(4), sdktrace.WithMaxExportBatchSize(4)))
		for range 50 {
			_, s := tp.Tracer(trace.ScopeName).Start(t.Context(), "span")
			s.End()
			synctest.Wait()
		}
		if got := told(); len(got) != 1 || !strings.Contains(got[0], "lean: 1 spans") {
			t.Errorf("got %q, want the first one", got)
		}
		close(e.goes)
		_ = tp.Shutdown(t.Context())
		if got := told(); len(got) != 1 || !strings.Contains(got[0], "lean: 41 spans") || !strings.Contains(got[0], "42 in all") {
			t.Errorf("got %q, want the others", got)
		}
	})
}
