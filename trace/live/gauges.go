package live

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// gauges registers the gauges. forget unregisters them.
func (w *watch) gauges() (forget func()) {
	m := w.provider.Meter(trace.ScopeName, metric.WithInstrumentationVersion(trace.Version))
	blocked, err := m.Int64ObservableGauge(semconv.MetricBlocked, metric.WithUnit("{operation}"),
		metric.WithDescription("Operations that are blocked, without those that are idle."))
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	oldest, err := m.Float64ObservableGauge(semconv.MetricBlockedOldest, metric.WithUnit("s"),
		metric.WithDescription("How long the operation has been blocked that has been for longest."))
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	reg, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for k, of := range w.fresh() {
			attrs := []attribute.KeyValue{semconv.BlockReasonKey.String(k.reason)}
			if k.cause != "" {
				attrs = append(attrs, semconv.BlockCauseKey.String(k.cause))
			}
			set := metric.WithAttributeSet(attribute.NewSet(attrs...))
			o.ObserveInt64(blocked, of.n, set)
			o.ObserveFloat64(oldest, of.oldest.Seconds(), set)
		}
		return nil
	}, blocked, oldest)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := reg.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}

// fresh returns counts that are less than two seconds old. If the watch goroutine has none,
// for example because an exporter delays it, fresh takes them itself.
func (w *watch) fresh() map[gaugeKey]gauge {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.counted) >= 2*time.Second {
		w.blocked, w.counted = newLook().blocked(), time.Now()
	}
	return w.blocked
}

type gaugeKey struct{ reason, cause string }

type gauge struct {
	n      int64
	oldest time.Duration
}

// blocked counts the blocks by reason and cause, without idle ones.
func (l *look) blocked() map[gaugeKey]gauge {
	all := map[gaugeKey]gauge{}
	for i := range l.seen {
		s := &l.seen[i]
		if s.idle {
			continue
		}
		k := gaugeKey{s.Reason, s.cause()}
		g := all[k]
		g.n++
		g.oldest = max(g.oldest, l.at.Sub(s.Since))
		all[k] = g
	}
	return all
}
