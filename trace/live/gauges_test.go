package live_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// gauges returns the collected gauges: the values by "name{attributes}".
func gauges(t *testing.T, r metric.Reader) map[string]float64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					all[m.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					all[m.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Value
				}
			}
		}
	}
	return all
}

// The gauges count what is blocked, by reason, and have the age of the oldest. They are
// gone once nothing is blocked or the watch has ended.
func TestWatchGauges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := metric.NewManualReader()
		ctx, _ := recording(t)
		stop := live.Watch(t.Context(), live.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
		var all []*trace.Task
		for range 3 {
			all = append(all, lockFor(ctx, t, 30*time.Second))
			time.Sleep(time.Second)
		}
		time.Sleep(2500 * time.Millisecond)
		want := map[string]float64{
			semconv.MetricBlocked + " block.reason=lock":       3,
			semconv.MetricBlockedOldest + " block.reason=lock": 5,
		}
		got := gauges(t, reader)
		if age := got[semconv.MetricBlockedOldest+" block.reason=lock"]; age > 4.4 && age <= 5.5 { // as of the last look
			want[semconv.MetricBlockedOldest+" block.reason=lock"] = age
		}
		same(t, got, want)
		for _, task := range all {
			if err := task.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(2 * time.Second)
		same(t, gauges(t, reader), map[string]float64{})
		lockFor(ctx, t, 5*time.Second)
		time.Sleep(2 * time.Second)
		stop()
		same(t, gauges(t, reader), map[string]float64{})
		time.Sleep(10 * time.Second)
	})
}

func same(t *testing.T, got, want map[string]float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("got %v, want %v", got, want)
		return
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// hangs is a span processor that does not return from OnEnd of a `stalled` until it is
// closed.
type hangs chan struct{}

func (hangs) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (hangs) Shutdown(context.Context) error                  { return nil }
func (hangs) ForceFlush(context.Context) error                { return nil }

func (h hangs) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.Name() == semconv.SpanStalled {
		<-h
	}
}

// An exporter that hangs delays the spans `stalled`, but neither the program nor the
// gauges.
func TestWatchExporterHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(hangs)
		rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSpanProcessor(stuck)))
		ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
		reader := metric.NewManualReader()
		stop := live.Watch(t.Context(), live.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
		first := lockFor(ctx, t, 20*time.Second)
		time.Sleep(10 * time.Second) // the first is exported, and hangs
		second := lockFor(ctx, t, 30*time.Second)
		time.Sleep(5 * time.Second)
		same(t, gauges(t, reader), map[string]float64{
			semconv.MetricBlocked + " block.reason=lock":       2,
			semconv.MetricBlockedOldest + " block.reason=lock": 15,
		})
		for _, task := range []*trace.Task{first, second} {
			if err := task.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		close(stuck)
		stop()
	})
}
