package trace

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/measure"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// metrics are the instruments of a [Tracer], one for each MeterProvider.
//
// If package meter collects them, blocks are recorded in a [measure.Histogram], else by a
// synchronous instrument, which costs more. Suppressed spans are counted in an atomic, which
// is observed.
type metrics struct {
	meter      metric.Meter
	blocked    metric.Float64Histogram
	suppressed atomic.Int64
	observed   metric.Registration // of suppressed; nil: failed

	looked atomic.Bool                       // blocks is set, if blocked has one
	blocks atomic.Pointer[measure.Histogram] // behind blocked; nil: there is none, or not yet
}

// metricsFor registers the callback once for each provider.
var metricsFor = measure.Registry[metrics]{Drop: func(m *metrics) {
	if m.observed != nil {
		_ = m.observed.Unregister()
	}
}}

func metricsOf(p metric.MeterProvider) *metrics {
	if _, ok := p.(noop.MeterProvider); ok {
		return &noMetrics
	}
	return metricsFor.Of(p, func() *metrics {
		return newMetrics(p.Meter(ScopeName, metric.WithInstrumentationVersion(Version)))
	})
}

var noMetrics = metrics{meter: noop.Meter{}, blocked: noop.Float64Histogram{}}

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
	suppressed, err := meter.Int64ObservableCounter(semconv.MetricSpansSuppressed, metric.WithUnit("{span}"),
		metric.WithDescription("Spans that were left out to keep a trace small."))
	if err != nil {
		otel.Handle(err)
		return m
	}
	if m.observed, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if n := m.suppressed.Load(); n > 0 {
			o.ObserveInt64(suppressed, n)
		}
		return nil
	}, suppressed); err != nil {
		otel.Handle(err)
	}
	return m
}

// metered reports whether blocks below ctx are measured, recorded or not. They are not with
// a no-op meter, and with the global one until the program sets another.
func (t *Tracer) metered(ctx context.Context) bool {
	return t.metrics != nil && (t.metrics.blocks.Load() != nil || t.metrics.blocked.Enabled(ctx))
}

// collected returns the histogram of blocks if package meter collects it, else nil.
func (m *metrics) collected() *measure.Histogram {
	if !m.looked.Load() && m.blocked.Enabled(context.Background()) { // else the program may set a provider later
		m.blocks.Store(measure.Behind(m.blocked))
		m.looked.Store(true)
	}
	return m.blocks.Load()
}

// blockMetrics is the sink that measures blocks.
type blockMetrics struct{ *metrics }

var _ core.Sink = blockMetrics{}

// Wants returns 0: the evidence of each block has its cause, which is measured.
func (blockMetrics) Wants(core.Show, bool) time.Duration { return 0 }

// Wake records a block, with the operation's span, so that an exemplar names it.
func (m blockMetrics) Wake(r *core.Record, block, wake *core.Edge) {
	key, d := keyOf(r, block), wake.At-block.At
	if m.collected() == nil {
		m.blocked.Record(r.Below(), d.Seconds(), optionsOf(key).record...)
		return
	}
	var sc oteltrace.SpanContext
	if span := r.Span(); span != nil {
		sc = span.SpanContext()
	} else {
		sc = oteltrace.SpanContextFromContext(r.Below())
	}
	m.seriesOf(key).RecordIn(sc, int64(d))
}

// measure measures a block of an operation that has no record.
func (m *metrics) measure(ctx context.Context, reason, cause string, d time.Duration) {
	key := blockKey{reason: reason, cause: cause}
	if m.collected() == nil {
		m.blocked.Record(ctx, d.Seconds(), optionsOf(key).record...)
		return
	}
	m.seriesOf(key).RecordIn(oteltrace.SpanContextFromContext(ctx), int64(d))
}

// seriesOf returns the series of blocks of one kind.
func (m *metrics) seriesOf(key blockKey) *measure.Series {
	return m.blocks.Load().Series(optionsOf(key).set)
}

// End does nothing.
func (blockMetrics) End(*core.Record, *core.End) {}

// suppress counts suppressed spans.
func (t *Tracer) suppress(n int) {
	if m := t.metrics; m != nil && m != &noMetrics && n > 0 {
		m.suppressed.Add(int64(n))
	}
}

// blockOptionsOf are the options of recordings, kept so that these allocate nothing.
var blockOptionsOf = struct {
	sync.RWMutex
	made map[blockKey]*blockOptions // at most maxBlockOptions
}{made: map[blockKey]*blockOptions{}}

type blockOptions struct {
	set    attribute.Set
	record []metric.RecordOption
}

// maxBlockOptions limits what is kept. The module itself has about 30 kinds of blocks, but
// a program may have reasons of its own. For further ones options are made each time.
const maxBlockOptions = 256

type blockKey struct{ reason, cause, name string }

func keyOf(r *core.Record, b *core.Edge) blockKey {
	key := blockKey{reason: b.Reason}
	if on, ok := r.On.(interface{ inMetrics() string }); ok {
		key.name = on.inMetrics()
	}
	for i := range b.Attrs {
		if b.Attrs[i].Key == semconv.BlockCauseKey {
			key.cause = b.Attrs[i].Value.AsString()
		}
	}
	return key
}

func optionsOf(key blockKey) *blockOptions {
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
	opts = &blockOptions{set: attribute.NewSet(attrs...)}
	opts.record = []metric.RecordOption{metric.WithAttributeSet(opts.set)}
	blockOptionsOf.Lock()
	defer blockOptionsOf.Unlock()
	if len(blockOptionsOf.made) < maxBlockOptions {
		blockOptionsOf.made[key] = opts
	}
	return opts
}
