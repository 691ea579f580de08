package trace_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// blockedSeconds returns the measured seconds of blocks, by attributes.
func blockedSeconds(t *testing.T, r *sdkmetric.ManualReader) map[attribute.Distinct]float64 {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.WithoutCancel(t.Context()), &rm); err != nil {
		t.Fatal(err)
	}
	sums := map[attribute.Distinct]float64{}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			if h, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == semconv.MetricBlockDuration {
				for _, p := range h.DataPoints {
					sums[p.Attributes.Equivalent()] = p.Sum
				}
			}
		}
	}
	return sums
}

func key(attrs ...attribute.KeyValue) attribute.Distinct {
	set := attribute.NewSet(attrs...)
	return set.Equivalent()
}

// Every block is measured by its reason and cause, whether or not it is sampled, or long
// enough for a span.
func TestMetricsBlocks(t *testing.T) {
	for name, opt := range map[string]trace.Option{
		"sampled":   trace.WithTracerProvider(sdktrace.NewTracerProvider()),
		"unsampled": trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))),
		"no spans":  trace.WithTracerProvider(noop.NewTracerProvider()),
		"too short": trace.WithMinBlock(time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := sdkmetric.NewManualReader()
				mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r))
				ctx := trace.New(opt, trace.WithMeterProvider(mp), trace.WithMeterProvider(nil)).NewContext(t.Context())
				_ = trace.Sleep(ctx, 20*ms)
				_, op := trace.Start(ctx, "write")
				for range 2 {
					op.Block(semconv.ReasonNetWrite)
					time.Sleep(50 * ms)
					op.Wake(semconv.WakePeerRead, trace.Evidence(semconv.BlockCauseKey.String(string(semconv.CausePeerWindow))))
				}
				op.End(nil)
				got := blockedSeconds(t, r)
				want := map[attribute.Distinct]float64{
					key(semconv.BlockReasonKey.String("sleep")):                                                  .02,
					key(semconv.BlockReasonKey.String("net.write"), semconv.BlockCauseKey.String("peer_window")): .1,
				}
				if len(got) != len(want) {
					t.Errorf("got %d kinds of blocks, want %d", len(got), len(want))
				}
				for k, w := range want {
					if got[k] != w {
						t.Errorf("got %v s, want %v", got[k], w)
					}
				}
			})
		})
	}
}

// An operation that is only measured has no span, and does not change the context.
func TestMetricsOpHasNoSpan(t *testing.T) {
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	ctx := trace.New(trace.WithTracerProvider(noop.NewTracerProvider()), trace.WithMeterProvider(mp)).NewContext(t.Context())
	got, op := trace.Start(ctx, "work", attribute.Int("n", 1))
	if !op.Valid() {
		t.Fatal("got no operation to measure")
	}
	op.SetAttributes(attribute.Int("n", 2))
	core.Ref(op).SetShow(core.ShowAll)
	if got != ctx || op.Context() != ctx || op.SpanContext().IsValid() || !op.Wants(time.Hour) {
		t.Errorf("got %v, %v, %v, %v", got, op.SpanContext(), op.Wants(time.Hour), op.Valid())
	}
	op.Block(semconv.ReasonSleep)
	op.End(errors.New("no"))
}

// If no meter records, nothing is measured, and nothing is allocated.
func TestMetricsOff(t *testing.T) {
	for name, mp := range map[string]metric.MeterProvider{
		"no-op":  metricnoop.NewMeterProvider(),
		"global": otel.GetMeterProvider(),
	} {
		tracer := trace.New(trace.WithTracerProvider(noop.NewTracerProvider()), trace.WithMeterProvider(mp))
		ctx := tracer.NewContext(t.Context())
		if core.Of(tracer).Measures(ctx) || core.Of(tracer).Meter() == nil {
			t.Errorf("%s: it meters", name)
		}
		run := func() {
			_, op := trace.Start(ctx, "work")
			op.Block(semconv.ReasonSleep)
			op.Wake(semconv.WakeTimer)
			op.End(nil)
		}
		if got := testing.AllocsPerRun(100, run); got != 0 && !race {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
	if core.Of(&trace.Tracer{}).Meter() != nil {
		t.Error("the zero Tracer has a meter")
	}
}

// Measuring a block allocates nothing beyond the operation.
func TestMetricsAllocate(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	ctx := trace.New(trace.WithTracerProvider(noop.NewTracerProvider()), trace.WithMeterProvider(mp)).NewContext(t.Context())
	if got := testing.AllocsPerRun(100, func() {
		_, op := trace.Start(ctx, "work")
		op.Block(semconv.ReasonSleep)
		op.Wake(semconv.WakeTimer)
		op.End(nil)
	}); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}
