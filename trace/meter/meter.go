package meter

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/wakechain/wakechain/internal/measure"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Histograms are the histograms of one MeterProvider, for its readers to collect.
//
// Methods are safe for concurrent use.
type Histograms struct {
	set *measure.Set
}

// New returns empty Histograms. Use one for each MeterProvider.
func New() *Histograms { return &Histograms{measure.NewSet(trace.ScopeName, trace.Version)} }

// MeterProvider returns p with this module's histograms recorded in h in place of p.
// All other instruments are p's. Pass it to otel.SetMeterProvider, or to an option such
// as wsconn.WithMeterProvider, in place of p. Shut down p itself.
//
// A reader of p without a [Histograms.Producer] does not have the histograms.
func (h *Histograms) MeterProvider(p metric.MeterProvider) metric.MeterProvider {
	return h.set.Provider(p, collected)
}

// collected reports whether a histogram is recorded for every message. That of
// handshakes is rare, and stays in the SDK.
func collected(name string) bool {
	return name == semconv.MetricBlockDuration || name == semconv.MetricMessageSize
}

// Producer returns a producer for one reader, to be passed to sdkmetric.WithProducer.
// The selector chooses the temporality: use the exporter's or the reader's, such as
// exporter.Temporality. nil means cumulative, which Prometheus needs.
//
// With delta temporality a value is in one collection alone: make a Producer for each
// reader.
func (h *Histograms) Producer(t sdkmetric.TemporalitySelector) sdkmetric.Producer {
	p := &producer{of: h, since: time.Now()}
	if t != nil && t(sdkmetric.InstrumentKindHistogram) == metricdata.DeltaTemporality {
		p.last = map[*measure.Series]measure.Totals{}
		p.windows = map[*measure.Histogram]int{}
	}
	return p
}

// producer is the state of one reader.
type producer struct {
	of *Histograms

	mu      sync.Mutex
	since   time.Time                          // with delta: the last collection
	last    map[*measure.Series]measure.Totals // with delta: what was collected; nil: cumulative
	windows map[*measure.Histogram]int         // with delta
}

var _ sdkmetric.Producer = (*producer)(nil)

// Produce returns the values since the start or, with delta temporality, since the last
// call.
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var all []metricdata.Metrics
	for _, h := range p.of.set.All() {
		m := metricdata.Metrics{Name: h.Name, Description: h.Description, Unit: h.Unit}
		if h.Seconds {
			m.Data = produce(p, h, now, seconds)
		} else {
			m.Data = produce(p, h, now, func(v int64) int64 { return v })
		}
		if m.Data != nil {
			all = append(all, m)
		}
	}
	p.since = now
	if len(all) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{{
		Scope:   instrumentation.Scope{Name: trace.ScopeName, Version: trace.Version},
		Metrics: all,
	}}, nil
}

func seconds(v int64) float64 { return time.Duration(v).Seconds() }

// produce returns the data of a histogram; nil: it is empty.
func produce[N int64 | float64](p *producer, h *measure.Histogram, now time.Time, number func(int64) N) metricdata.Aggregation {
	data := metricdata.Histogram[N]{Temporality: metricdata.CumulativeTemporality}
	start, window := h.Start, 0
	if p.last != nil {
		data.Temporality = metricdata.DeltaTemporality
		if start.Before(p.since) {
			start = p.since
		}
		var ok bool
		if window, ok = p.windows[h]; !ok {
			window = h.Window()
			p.windows[h] = window
		}
	}
	for _, s := range h.All() {
		t := s.Collect(window)
		if p.last != nil {
			t = p.sinceLast(s, t)
		}
		count := t.Count()
		if count == 0 {
			continue
		}
		point := metricdata.HistogramDataPoint[N]{
			Attributes: s.Attributes, StartTime: start, Time: now,
			Count: count, Sum: number(t.Sum), Bounds: h.Bounds, BucketCounts: t.Buckets[:len(h.Bounds)+1],
		}
		if t.Min <= t.Max {
			point.Min, point.Max = metricdata.NewExtrema(number(t.Min)), metricdata.NewExtrema(number(t.Max))
		}
		for _, e := range s.Exemplars(start) {
			traceID, spanID := e.Span.TraceID(), e.Span.SpanID()
			point.Exemplars = append(point.Exemplars, metricdata.Exemplar[N]{
				Time: e.At, Value: number(e.Value), TraceID: traceID[:], SpanID: spanID[:],
			})
		}
		data.DataPoints = append(data.DataPoints, point)
	}
	if len(data.DataPoints) == 0 {
		return nil
	}
	return data
}

// sinceLast returns the part of t that was not collected before.
func (p *producer) sinceLast(s *measure.Series, t measure.Totals) measure.Totals {
	last := p.last[s]
	p.last[s] = t
	for i := range t.Buckets {
		t.Buckets[i] -= last.Buckets[i]
	}
	t.Sum -= last.Sum
	return t
}
