package lean

import (
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Option configures a [TracerProvider]. Each is like the SDK's of the same name. The last one
// of a kind wins, but processors add up.
type Option interface{ apply(*config) }

type config struct {
	sdk        []sdktrace.TracerProviderOption // the same options for the SDK
	processors []sdktrace.SpanProcessor
	sampler    sdktrace.Sampler // nil: the default
	ids        sdktrace.IDGenerator
	limits     sdktrace.SpanLimits
	resource   *resource.Resource
	failed     []*atomic.Int64 // spans, of each exporter
	meters     metric.MeterProvider
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithSpanProcessor registers a processor; see [sdktrace.WithSpanProcessor].
func WithSpanProcessor(p sdktrace.SpanProcessor) Option {
	return optionFunc(func(c *config) {
		c.sdk = append(c.sdk, sdktrace.WithSpanProcessor(p))
		c.processors = append(c.processors, p)
	})
}

// WithBatcher registers a batch processor of the SDK for the exporter; see
// [sdktrace.WithBatcher]. The metric wakechain.spans.dropped counts the spans that the
// exporter fails to export.
func WithBatcher(e sdktrace.SpanExporter, opts ...sdktrace.BatchSpanProcessorOption) Option {
	failed := new(atomic.Int64)
	if e != nil {
		e = &counted{e, failed}
	}
	processor := WithSpanProcessor(sdktrace.NewBatchSpanProcessor(e, opts...))
	return optionFunc(func(c *config) {
		c.failed = append(c.failed, failed)
		processor.apply(c)
	})
}

// WithMeterProvider sets the provider of the metric wakechain.spans.dropped, unless mp
// is nil; the default is the global one.
func WithMeterProvider(mp metric.MeterProvider) Option {
	return optionFunc(func(c *config) {
		if mp != nil {
			c.meters = mp
		}
	})
}

// WithSyncer registers the exporter without a batch, for tests; see
// [sdktrace.WithSyncer].
func WithSyncer(e sdktrace.SpanExporter) Option {
	return WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(e))
}

// WithSampler sets the sampler, unless s is nil; see [sdktrace.WithSampler]. The default is
// the SDK's: that of OTEL_TRACES_SAMPLER, or else ParentBased(AlwaysSample), which costs the
// least.
func WithSampler(s sdktrace.Sampler) Option {
	return optionFunc(func(c *config) {
		if s != nil {
			c.sdk = append(c.sdk, sdktrace.WithSampler(s))
			c.sampler = s
		}
	})
}

// WithResource sets the resource; see [sdktrace.WithResource].
func WithResource(r *resource.Resource) Option {
	return optionFunc(func(c *config) {
		c.sdk = append(c.sdk, sdktrace.WithResource(r))
		// The SDK does the same, and reports a fault.
		c.resource, _ = resource.Merge(resource.Environment(), r)
	})
}

// WithIDGenerator sets the generator of ids, unless g is nil; see
// [sdktrace.WithIDGenerator].
func WithIDGenerator(g sdktrace.IDGenerator) Option {
	return optionFunc(func(c *config) {
		if g != nil {
			c.ids = g
		}
	})
}

// WithRawSpanLimits sets the limits of a span; see [sdktrace.WithRawSpanLimits].
func WithRawSpanLimits(l sdktrace.SpanLimits) Option {
	return optionFunc(func(c *config) { c.limits = l })
}

// WithoutPanicRecording is [sdktrace.WithoutPanicRecording]. It is for spans of other
// instrumentation: lean spans are not ended by a panic.
func WithoutPanicRecording() Option {
	return optionFunc(func(c *config) { c.sdk = append(c.sdk, sdktrace.WithoutPanicRecording()) })
}
