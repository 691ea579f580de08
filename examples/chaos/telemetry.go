package main

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

// setKey is what the plays of one telemetry have in common.
type setKey struct {
	maker string
	ratio float64
	adds  bool // the sum of the spans can be checked: see plan.adds

	meddles bool // with a meddler
	states  bool // spans state the number of all that were left out: see sums
}

// telemetry is the providers of some plays, for both ends, and what was recorded.
type telemetry struct {
	setKey
	provider oteltrace.TracerProvider
	meters   metric.MeterProvider
	tracer   *trace.Tracer
	exported exporter
	meddler  meddler

	reader   *sdkmetric.ManualReader
	shutdown func(ctx context.Context)
}

// telemetry returns the telemetry of a plan, and makes it if need be.
func (s *stage) telemetry(p *plan) *telemetry {
	key := setKey{p.makes, p.ratio, p.adds(), p.fault.meddles, !p.volume.none}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.sets[key]
	if t == nil {
		t = newTelemetry(key)
		s.sets[key] = t
	}
	return t
}

// adds reports whether the sum of the spans can be checked (see sums). It cannot if only
// some connections are sampled, if blocks are left out without being counted, if there are
// pongs, which are in runs, or if the client is not one of the libraries.
func (p *plan) adds() bool {
	return p.ratio == 1 && p.minBlock == 0 && p.pings == [2]int{} && !p.fault.pinged && p.fault.raw == nil
}

func newTelemetry(key setKey) *telemetry {
	t := &telemetry{setKey: key, reader: sdkmetric.NewManualReader()}
	sampler := sdktrace.ParentBased(sdktrace.TraceIDRatioBased(key.ratio))
	queue := []sdktrace.BatchSpanProcessorOption{sdktrace.WithMaxQueueSize(1 << 20), sdktrace.WithBatchTimeout(time.Second)}
	var tp interface {
		oteltrace.TracerProvider
		Shutdown(ctx context.Context) error
	}
	bySDK := []sdktrace.TracerProviderOption{sdktrace.WithSampler(sampler)}
	leanly := []lean.Option{lean.WithSampler(sampler)}
	if key.meddles {
		bySDK, leanly = append(bySDK, sdktrace.WithSpanProcessor(&t.meddler)), append(leanly, lean.WithSpanProcessor(&t.meddler))
	}
	switch key.maker {
	case "sdk":
		tp = sdktrace.NewTracerProvider(append(bySDK, sdktrace.WithBatcher(&t.exported, queue...))...)
	case "lean":
		tp = lean.NewTracerProvider(append(leanly, lean.WithBatcher(&t.exported, queue...))...)
	default:
		tp = lean.NewTracerProvider(append(leanly, lean.WithSyncer(&t.exported))...)
	}
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(t.reader))
	t.provider, t.meters = tp, mp
	t.tracer = trace.New(trace.WithTracerProvider(tp), trace.WithMeterProvider(mp))
	t.shutdown = func(ctx context.Context) { _ = tp.Shutdown(ctx) }
	return t
}

// exporter keeps the exported spans.
type exporter struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (e *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spans = append(e.spans, spans...)
	return nil
}

func (e *exporter) Shutdown(context.Context) error { return nil }

// measured is the values of a telemetry's metrics.
type measured struct {
	values map[string]int64 // counters and gauges, summed over their attributes
	counts map[string]int64 // of histograms
	sums   map[string]float64
	locks  int64 // blocks on a library's lock
}

func (t *telemetry) measure() measured {
	var all metricdata.ResourceMetrics
	must(t.reader.Collect(context.Background(), &all))
	m := measured{values: map[string]int64{}, counts: map[string]int64{}, sums: map[string]float64{}}
	for _, scope := range all.ScopeMetrics {
		for _, x := range scope.Metrics {
			switch data := x.Data.(type) {
			case metricdata.Sum[int64]:
				for _, d := range data.DataPoints {
					m.values[x.Name] += d.Value
				}
			case metricdata.Gauge[int64]:
				for _, d := range data.DataPoints {
					m.values[x.Name] += d.Value
				}
			case metricdata.Histogram[float64]:
				for _, d := range data.DataPoints {
					m.counts[x.Name] += int64(d.Count)
					m.sums[x.Name] += d.Sum
					if reason, _ := d.Attributes.Value(semconv.BlockReasonKey); x.Name == semconv.MetricBlockDuration && reason.AsString() == string(semconv.ReasonWriteLock) {
						m.locks += int64(d.Count)
					}
				}
			case metricdata.Histogram[int64]:
				for _, d := range data.DataPoints {
					way, _ := d.Attributes.Value("network.io.direction")
					m.counts[x.Name+" "+way.AsString()] += int64(d.Count)
					m.sums[x.Name+" "+way.AsString()] += float64(d.Sum)
				}
			}
		}
	}
	return m
}
