package trace

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// metrics are the instruments of a [Tracer].
type metrics struct {
	meter      metric.Meter
	blocked    metric.Float64Histogram
	suppressed metric.Int64Counter
}

// latestMetrics are those that metricsOf made last: a program has one meter, and
// may have a Tracer for each connection.
var latestMetrics atomic.Pointer[metrics]

func metricsOf(meter metric.Meter) *metrics {
	switch {
	case meter == nil:
		return nil
	case !reflect.ValueOf(meter).Comparable():
		return newMetrics(meter)
	}
	m := latestMetrics.Load()
	if m == nil || m.meter != meter {
		m = newMetrics(meter)
		latestMetrics.Store(m)
	}
	return m
}

// blockBuckets are the bounds of a block's histogram in seconds: a park takes
// from some microseconds to as long as a peer does not read.
var blockBuckets = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300}

func newMetrics(meter metric.Meter) *metrics {
	m := &metrics{meter: meter}
	var err error
	if m.blocked, err = meter.Float64Histogram(semconv.MetricBlockDuration, metric.WithUnit("s"),
		metric.WithDescription("Time in which an operation was blocked."),
		metric.WithExplicitBucketBoundaries(blockBuckets...)); err != nil {
		otel.Handle(err)
		m.blocked = noop.Float64Histogram{}
	}
	if m.suppressed, err = meter.Int64Counter(semconv.MetricSpansSuppressed, metric.WithUnit("{span}"),
		metric.WithDescription("Spans that were left out to keep a trace small.")); err != nil {
		otel.Handle(err)
		m.suppressed = noop.Int64Counter{}
	}
	return m
}

// metered reports whether blocks below ctx are measured, recorded or not. The
// instrument of a no-op meter says no, and so does that of the global one for as
// long as the program has set no other.
func (t *Tracer) metered(ctx context.Context) bool {
	return t.metrics != nil && t.metrics.blocked.Enabled(ctx)
}

// blockMetrics is the sink that measures blocks.
type blockMetrics struct{ *metrics }

var _ core.Sink = blockMetrics{}

// Wants returns 0: a block is measured by its cause.
func (blockMetrics) Wants(core.Show, bool) time.Duration { return 0 }

// Wake records a block, with the operation's context, so that an exemplar names its
// span.
func (m blockMetrics) Wake(r *core.Record, block, wake *core.Edge) {
	m.blocked.Record(r.Below(), (wake.At - block.At).Seconds(), blockOptions(r, block)...)
}

// End does nothing.
func (blockMetrics) End(*core.Record, *core.End) {}

// suppressed counts spans that were left out.
func (t *Tracer) suppressed(ctx context.Context, n int) {
	if t.metrics != nil && n > 0 {
		t.metrics.suppressed.Add(ctx, int64(n))
	}
}

// A recording's options are made once, so that it allocates nothing.
var blockOptionsOf = struct {
	sync.RWMutex
	made map[blockKey][]metric.RecordOption // at most maxBlockOptions
}{made: map[blockKey][]metric.RecordOption{}}

// maxBlockOptions bounds what is kept: a program may give reasons of its own, and
// some 30 are the module's. For others options are made each time.
const maxBlockOptions = 256

type blockKey struct{ reason, cause, name string }

func blockOptions(r *core.Record, b *core.Edge) []metric.RecordOption {
	key := blockKey{reason: b.Reason}
	if on, ok := r.On.(interface{ inMetrics() string }); ok {
		key.name = on.inMetrics()
	}
	for i := range b.Attrs {
		if b.Attrs[i].Key == semconv.BlockCauseKey {
			key.cause = b.Attrs[i].Value.AsString()
		}
	}
	blockOptionsOf.RLock()
	opts, ok := blockOptionsOf.made[key]
	blockOptionsOf.RUnlock()
	if ok {
		return opts
	}
	attrs := []attribute.KeyValue{semconv.BlockReasonKey.String(key.reason)}
	if key.cause != "" {
		attrs = append(attrs, semconv.BlockCauseKey.String(key.cause))
	}
	if key.name != "" {
		attrs = append(attrs, semconv.SyncNameKey.String(key.name))
	}
	opts = []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attrs...))}
	blockOptionsOf.Lock()
	defer blockOptionsOf.Unlock()
	if len(blockOptionsOf.made) < maxBlockOptions {
		blockOptionsOf.made[key] = opts
	}
	return opts
}
