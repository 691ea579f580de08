package meter_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/meter"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const ms = time.Millisecond

// text is what a reader collects, a data point a line.
func text(t *testing.T, r sdkmetric.Reader) string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					lines = append(lines, fmt.Sprintf("%s %s %d", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					least, _ := p.Min.Value()
					most, _ := p.Max.Value()
					lines = append(lines, fmt.Sprintf("%s %s %.6g in %d from %g to %g, %d exemplars, after %v", m.Name,
						p.Attributes.Encoded(attribute.DefaultEncoder()), p.Sum, p.Count, least, most, len(p.Exemplars), p.Time.Sub(p.StartTime)))
				}
			default:
				t.Errorf("%s: got %T", m.Name, m.Data)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func want(t *testing.T, r sdkmetric.Reader, want string) {
	t.Helper()
	if got := text(t, r); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func quiet(mp metric.MeterProvider) *trace.Tracer {
	return trace.New(trace.WithTracerProvider(noop.NewTracerProvider()), trace.WithMeterProvider(mp))
}

// Each reader collects all that was measured or, with delta temporality, what came since its
// own last collection; and no reader has it a second time from the SDK.
func TestProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := meter.New()
		whole := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
		parts := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(sdkmetric.DeltaTemporalitySelector)))
		others := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(sdkmetric.DeltaTemporalitySelector)))
		without := sdkmetric.NewManualReader()
		mp := h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(whole), sdkmetric.WithReader(parts),
			sdkmetric.WithReader(others), sdkmetric.WithReader(without)))
		ctx := quiet(mp).NewContext(t.Context())
		for _, r := range []sdkmetric.Reader{whole, parts, others, without} {
			want(t, r, "")
		}
		_ = trace.Sleep(ctx, 20*ms)
		_ = trace.Sleep(ctx, 50*ms)
		const name = semconv.MetricBlockDuration + " block.reason=sleep "
		want(t, whole, name+"0.07 in 2 from 0.02 to 0.05, 0 exemplars, after 70ms")
		want(t, parts, name+"0.07 in 2 from 0.02 to 0.05, 0 exemplars, after 70ms")
		_ = trace.Sleep(ctx, 30*ms)
		want(t, whole, name+"0.1 in 3 from 0.02 to 0.05, 0 exemplars, after 100ms")
		want(t, parts, name+"0.03 in 1 from 0.03 to 0.03, 0 exemplars, after 30ms")
		want(t, parts, "")
		want(t, others, name+"0.1 in 3 from 0.02 to 0.05, 0 exemplars, after 100ms")
		want(t, without, "")
	})
}

// Without MeterProvider a Producer has nothing, and the SDK all.
func TestNotProvided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sdkmetric.NewManualReader(sdkmetric.WithProducer(meter.New().Producer(nil)))
		_ = trace.Sleep(quiet(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))).NewContext(t.Context()), ms)
		want(t, r, semconv.MetricBlockDuration+" block.reason=sleep 0.001 in 1 from 0.001 to 0.001, 0 exemplars, after 1ms")
	})
}

// Two providers of a program measure apart, whichever is used in between.
func TestTwoProviders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var readers [2]sdkmetric.Reader
		var tracers [2]*trace.Tracer
		for i := range readers {
			h := meter.New()
			readers[i] = sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
			tracers[i] = quiet(h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[i]))))
		}
		for n := range 4 {
			_ = trace.Sleep(tracers[n%2].NewContext(t.Context()), time.Duration(n+1)*ms)
		}
		want(t, readers[0], semconv.MetricBlockDuration+" block.reason=sleep 0.004 in 2 from 0.001 to 0.003, 0 exemplars, after 10ms")
		want(t, readers[1], semconv.MetricBlockDuration+" block.reason=sleep 0.006 in 2 from 0.002 to 0.004, 0 exemplars, after 10ms")
	})
}

// A span that was sampled is the exemplar of its block, also where the SDK makes none.
func TestExemplars(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := meter.New()
		r := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(sdkmetric.DeltaTemporalitySelector)))
		mp := h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r)))
		tracer := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider()), trace.WithMeterProvider(mp))
		sleep := func() {
			_, op := tracer.Start(t.Context(), "work")
			id := op.SpanContext().SpanID()
			op.Block(semconv.ReasonSleep)
			time.Sleep(ms)
			op.Wake(semconv.WakeTimer)
			op.End(nil)
			var rm metricdata.ResourceMetrics
			if err := r.Collect(t.Context(), &rm); err != nil {
				t.Fatal(err)
			}
			data := rm.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
			e := data.DataPoints[0].Exemplars
			if len(e) != 1 || e[0].Value != .001 || !e[0].Time.Equal(time.Now()) || string(e[0].SpanID) != string(id[:]) {
				t.Errorf("got exemplars %+v", e)
			}
		}
		sleep()
		time.Sleep(ms)
		sleep()
		time.Sleep(ms)
		want(t, r, "")
	})
}

// All other instruments, and those of other scopes, are the provider's own.
func TestOthersPass(t *testing.T) {
	h := meter.New()
	r := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	mp := h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r)))
	for _, scope := range []string{trace.ScopeName, "shop"} {
		m := mp.Meter(scope)
		hist, err := m.Float64Histogram(semconv.MetricBlockDuration)
		if err != nil {
			t.Fatal(err)
		}
		hist.Record(t.Context(), 1)
	}
	own := mp.Meter(trace.ScopeName, metric.WithInstrumentationVersion(trace.Version))
	count, err := own.Int64Counter("shop.orders")
	if err != nil {
		t.Fatal(err)
	}
	count.Add(t.Context(), 2)
	got := text(t, r)
	if n := strings.Count(got, "1 in 1"); n != 2 || !strings.Contains(got, "shop.orders  2") {
		t.Errorf("got\n%s", got)
	}
}

var globalSet atomic.Bool

// A program may set the global provider after it has made its Tracers, as it does for any
// instrumentation: the histogram is the producer's from then on.
func TestGlobal(t *testing.T) {
	if globalSet.Swap(true) {
		t.Skip("OpenTelemetry lets what was there before be set once in a process")
	}
	before := otel.GetMeterProvider()
	tracer := trace.New(trace.WithTracerProvider(noop.NewTracerProvider()))
	ctx := tracer.NewContext(t.Context())
	_ = trace.Sleep(ctx, time.Nanosecond) // is not measured
	h := meter.New()
	r := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	otel.SetMeterProvider(h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))))
	t.Cleanup(func() { otel.SetMeterProvider(before) })
	for range 3 {
		_ = trace.Sleep(ctx, time.Nanosecond)
	}
	if got := text(t, r); !strings.Contains(got, "block.reason=sleep") || !strings.Contains(got, "in 3") || strings.Count(got, "\n") > 0 {
		t.Errorf("got\n%s", got)
	}
}

// Collections run while many goroutines measure: each value is in a point with all that
// it changes; and then everything is there, once.
func TestProducerConcurrentSafe(t *testing.T) {
	h := meter.New()
	whole := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	parts := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(sdkmetric.DeltaTemporalitySelector)))
	mp := h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(whole), sdkmetric.WithReader(parts)))
	ctx := quiet(mp).NewContext(t.Context())
	const goroutines, each = 4, 300
	var working, collecting sync.WaitGroup
	done := make(chan struct{})
	var sum uint64
	count := func(r sdkmetric.Reader) (n uint64) {
		var rm metricdata.ResourceMetrics
		if err := r.Collect(context.Background(), &rm); err != nil {
			t.Error(err)
		}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
					n += p.Count
					least, some := p.Min.Value()
					most, _ := p.Max.Value()
					const about = 1 + 1e-9 // floats
					if of := float64(p.Count); !some || least*of > p.Sum*about || p.Sum > most*of*about {
						t.Errorf("got the sum %g of %d values from %g to %g", p.Sum, p.Count, least, most)
					}
				}
			}
		}
		return n
	}
	collecting.Go(func() {
		last := uint64(0)
		for {
			n := count(whole)
			if n < last {
				t.Errorf("got %d after %d", n, last)
			}
			last = n
			sum += count(parts)
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for i := range goroutines {
		working.Go(func() {
			for n := range each {
				_, op := trace.Start(ctx, "work")
				op.Block(semconv.Reason(fmt.Sprint("reason", (i+n)%3)))
				op.Wake(semconv.WakeTimer)
				op.End(nil)
			}
		})
	}
	working.Wait()
	close(done)
	collecting.Wait()
	sum += count(parts)
	if got := count(whole); got != goroutines*each || sum != got {
		t.Errorf("got %d in all and %d in parts, want %d", got, sum, goroutines*each)
	}
}

// To measure a block costs no allocation.
func TestAllocs(t *testing.T) {
	h := meter.New()
	r := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	ctx := quiet(h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r)))).NewContext(t.Context())
	run := func() {
		_, op := trace.Start(ctx, "work")
		op.Block(semconv.ReasonSleep)
		op.Wake(semconv.WakeTimer)
		op.End(nil)
	}
	run()
	if got := testing.AllocsPerRun(100, run); got != 0 && !race {
		t.Errorf("got %v allocations, want none", got)
	}
}
