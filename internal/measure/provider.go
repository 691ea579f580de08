package measure

import (
	"context"
	"math"
	"slices"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
)

// Set is the histograms of one MeterProvider that producers collect. The zero Set is
// empty. Methods are safe for concurrent use.
type Set struct {
	scope, version string

	mu  sync.Mutex
	all []*Histogram
}

// NewSet returns a Set for the meter of this name and version.
func NewSet(scope, version string) *Set { return &Set{scope: scope, version: version} }

// All returns the histograms.
func (s *Set) All() []*Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// histogram returns the histogram of this name, and makes it if need be; nil: it cannot
// be made.
func (s *Set) histogram(name, description, unit string, bounds []float64, scale float64) *Histogram {
	if len(bounds) == 0 || len(bounds) > MaxBounds || !slices.IsSorted(bounds) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.all {
		if h.Name == name {
			return h
		}
	}
	h := newHistogram(name, description, unit, bounds, scale)
	s.all = append(s.all, h)
	return h
}

// Provider returns p with one change: the meter of the Set's name and version makes its
// histograms in the Set, if may returns true for their name and the Set can have them.
func (s *Set) Provider(p metric.MeterProvider, may func(name string) bool) metric.MeterProvider {
	return &provider{MeterProvider: p, set: s, may: may}
}

type provider struct {
	metric.MeterProvider
	set *Set
	may func(string) bool

	mu    sync.Mutex
	meter *meter
}

func (p *provider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	inner := p.MeterProvider.Meter(name, opts...)
	cfg := metric.NewMeterConfig(opts...)
	if name != p.set.scope || cfg.InstrumentationVersion() != p.set.version {
		return inner
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.meter == nil {
		p.meter = &meter{Meter: inner, of: p}
	}
	return p.meter
}

type meter struct {
	metric.Meter
	of *provider
}

func (m *meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	if m.of.may(name) {
		c := metric.NewFloat64HistogramConfig(opts...)
		if h := m.of.set.histogram(name, c.Description(), c.Unit(), c.ExplicitBucketBoundaries(), 1e9); h != nil {
			return float64Histogram{of: h}, nil
		}
	}
	return m.Meter.Float64Histogram(name, opts...)
}

func (m *meter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	if m.of.may(name) {
		c := metric.NewInt64HistogramConfig(opts...)
		if h := m.of.set.histogram(name, c.Description(), c.Unit(), c.ExplicitBucketBoundaries(), 1); h != nil {
			return int64Histogram{of: h}, nil
		}
	}
	return m.Meter.Int64Histogram(name, opts...)
}

// float64Histogram is a Histogram as an instrument.
type float64Histogram struct {
	embedded.Float64Histogram
	of *Histogram
}

var _ metric.Float64Histogram = float64Histogram{}

func (h float64Histogram) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	h.of.record(ctx, int64(math.Round(v*1e9)), opts)
}

func (h float64Histogram) Enabled(ctx context.Context) bool { return h.of.enabled(ctx) }

type int64Histogram struct {
	embedded.Int64Histogram
	of *Histogram
}

var _ metric.Int64Histogram = int64Histogram{}

func (h int64Histogram) Record(ctx context.Context, v int64, opts ...metric.RecordOption) {
	h.of.record(ctx, v, opts)
}

func (h int64Histogram) Enabled(ctx context.Context) bool { return h.of.enabled(ctx) }

func (h *Histogram) record(ctx context.Context, v int64, opts []metric.RecordOption) {
	c := metric.NewRecordConfig(opts)
	h.Series(c.Attributes()).RecordIn(spanOf(ctx), v)
}

// Behind returns the Histogram behind an instrument, also if the instrument is of the
// global provider; nil if there is none, or none yet.
func Behind(instrument interface{ Enabled(context.Context) bool }) *Histogram {
	p := new(probe)
	instrument.Enabled(context.WithValue(context.Background(), probeKey{}, p))
	return p.found
}

type (
	probe    struct{ found *Histogram }
	probeKey struct{}
)

func (h *Histogram) enabled(ctx context.Context) bool {
	if p, ok := ctx.Value(probeKey{}).(*probe); ok {
		p.found = h
	}
	return true
}
