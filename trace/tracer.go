package trace

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// Tracer makes the spans of goroutines and operations. It travels in a
// context: [Tracer.NewContext] puts it there, [FromContext] finds it, and [Go],
// [Handle] and [Start] use it.
//
// A Tracer is immutable and safe for concurrent use. The zero Tracer records
// nothing.
type Tracer struct {
	settings
	tracer  oteltrace.Tracer           // nil: records no spans
	behind  atomic.Pointer[core.Maker] // tracer or, once it is known, the one behind the global provider's
	metrics *metrics                   // nil: records no metrics

	spans spans        // the sink that makes spans
	all   [2]core.Sink // metrics, then spans
}

// settings are what options set beside the providers.
type settings struct {
	minBlock time.Duration
	allOps   bool
	live     bool          // follow what is not recorded
	maxOpen  time.Duration // 0: the default; negative: no limit
}

// Option configures a [Tracer]. The last option of a kind wins.
type Option interface{ apply(*config) }

type config struct {
	settings
	provider oteltrace.TracerProvider
	meters   metric.MeterProvider
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithTracerProvider sets the provider of the spans. Without it, or with nil,
// it is the global one, otel.GetTracerProvider.
func WithTracerProvider(p oteltrace.TracerProvider) Option {
	return optionFunc(func(c *config) {
		if p != nil {
			c.provider = p
		}
	})
}

// WithMeterProvider sets the provider of the metrics: [semconv.MetricBlockDuration] and
// [semconv.MetricSpansSuppressed]. Without it, or with nil, it is the global one,
// otel.GetMeterProvider. Operations whose spans are not sampled are measured, too: each of
// their blocks then costs some hundred nanoseconds, or less with package meter. If the
// provider is a no-op, nothing is measured.
func WithMeterProvider(p metric.MeterProvider) Option {
	return optionFunc(func(c *config) {
		if p != nil {
			c.meters = p
		}
	})
}

// WithMinBlock sets how long a block must last to become a span. A shorter one is part of
// the wake before it, if there is one, and counts for the operation's totals
// [semconv.BlockCountKey] and [semconv.BlockDurationKey]. The default is 0: every block is a
// span.
func WithMinBlock(d time.Duration) Option {
	return optionFunc(func(c *config) { c.minBlock = d })
}

// WithAllOps makes a span of every operation on a channel, a lock or another primitive of
// this package. By default only operations that had to wait have one: the others cost next
// to nothing then, and are usually too many to look at.
func WithAllOps() Option { return optionFunc(func(c *config) { c.allOps = true }) }

// WithMaxOpen limits how long the span of a goroutine is open. After that time it is
// exported, and the rest of the goroutine has a second span; see [Go]. The default is
// [DefaultMaxOpen], and no limit with a recorder of package tracetest; d <= 0 is no limit.
func WithMaxOpen(d time.Duration) Option {
	return optionFunc(func(c *config) {
		if c.maxOpen = d; d <= 0 {
			c.maxOpen = -1
		}
	})
}

// limit returns how long the span of a goroutine may be open; 0: no limit.
func (t *Tracer) limit() time.Duration {
	switch {
	case t.maxOpen < 0:
		return 0
	case t.maxOpen == 0:
		return DefaultMaxOpen
	default:
		return t.maxOpen
	}
}

// WithLive makes package live follow goroutines, operations and connections that are not
// sampled, too. A goroutine and a message of a connection then cost about a microsecond
// more, and an operation of this package that waits an allocation more.
func WithLive() Option { return optionFunc(func(c *config) { c.live = true }) }

// anyAllOps reports whether any Tracer wants all operations. While none does, an
// operation that does not wait need not look for its Tracer.
var anyAllOps atomic.Bool

// New returns a Tracer.
func New(opts ...Option) *Tracer {
	global := optionFunc(func(c *config) {
		c.provider, c.meters = otel.GetTracerProvider(), otel.GetMeterProvider()
	})
	return (&Tracer{}).With(append([]Option{global}, opts...)...)
}

// With returns a copy of t in which the options hold.
func (t *Tracer) With(opts ...Option) *Tracer {
	c := config{settings: t.settings}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	with := &Tracer{settings: c.settings, tracer: t.tracer, metrics: t.metrics}
	if c.meters != nil {
		with.metrics = metricsOf(c.meters)
	}
	switch c.provider.(type) {
	case nil:
	case noop.TracerProvider:
		with.tracer = nil
	default:
		with.tracer = c.provider.Tracer(ScopeName, oteltrace.WithInstrumentationVersion(Version))
	}
	if w, ok := with.tracer.(core.Maker); ok {
		with.behind.Store(&w)
	}
	with.spans = spans{with}
	with.all[1] = with.spans
	if with.metrics != nil {
		with.all[0] = blockMetrics{with.metrics}
	}
	if with.allOps && with.tracer != nil {
		anyAllOps.Store(true)
	}
	return with
}

// sinks returns the sinks of an operation.
func (t *Tracer) sinks(recorded, metered bool) []core.Sink {
	switch {
	case recorded && metered:
		return t.all[:]
	case recorded:
		return t.all[1:]
	case metered:
		return t.all[:1]
	default:
		return nil
	}
}

// emitsAll reports whether an operation below ctx has a span even if it does not wait.
func emitsAll(ctx context.Context) bool { return anyAllOps.Load() && scopeOf(ctx).tracer.allOps }

// skips reports whether nothing below ctx is recorded.
func (t *Tracer) skips(ctx context.Context) bool {
	if t.tracer == nil {
		return true
	}
	parent := oteltrace.SpanContextFromContext(ctx)
	return parent.IsValid() && !parent.IsSampled()
}

// global is the Tracer of contexts without one. It uses the first provider that the program
// sets by otel.SetTracerProvider.
var global = New()

// scope is the value in a context: the tracer, and the goroutine, which is nil outside [Go]
// and [Handle]. They are one value, so that one lookup finds both.
type scope struct {
	tracer *Tracer
	task   *Task
}

type scopeKey struct{}

func scopeOf(ctx context.Context) scope {
	if s, ok := ctx.Value(scopeKey{}).(*scope); ok {
		return *s
	}
	return scope{tracer: global}
}

// NewContext returns a copy of ctx in which [Go], [Handle] and [Start] use t.
func (t *Tracer) NewContext(ctx context.Context) context.Context {
	s := scopeOf(ctx)
	if s.tracer == t {
		return ctx
	}
	s.tracer = t
	return context.WithValue(ctx, scopeKey{}, &s)
}

// FromContext returns the Tracer in ctx, or one of the global providers.
func FromContext(ctx context.Context) *Tracer { return scopeOf(ctx).tracer }
