package lean

import (
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Option configures a [TracerProvider]. Each is that of the SDK with the same
// name; the last one of a kind wins, but processors add up.
type Option interface{ apply(*config) }

type config struct {
	sdk        []sdktrace.TracerProviderOption // the same for the SDK
	processors []sdktrace.SpanProcessor
	sampler    sdktrace.Sampler // nil: the default
	ids        sdktrace.IDGenerator
	limits     sdktrace.SpanLimits
	resource   *resource.Resource
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

// WithBatcher registers a batch processor of the SDK before the exporter; see
// [sdktrace.WithBatcher].
func WithBatcher(e sdktrace.SpanExporter, opts ...sdktrace.BatchSpanProcessorOption) Option {
	return WithSpanProcessor(sdktrace.NewBatchSpanProcessor(e, opts...))
}

// WithSyncer registers the exporter without a batch, for tests; see
// [sdktrace.WithSyncer].
func WithSyncer(e sdktrace.SpanExporter) Option {
	return WithSpanProcessor(sdktrace.NewSimpleSpanProcessor(e))
}

// WithSampler sets the sampler, unless s is nil; see [sdktrace.WithSampler]. The
// default is that of the SDK: what OTEL_TRACES_SAMPLER says, else
// ParentBased(AlwaysSample). The default costs the least.
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
		// A fault is told by the SDK, which does the same.
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

// WithoutPanicRecording is [sdktrace.WithoutPanicRecording]. It concerns the
// spans of others: those of this module are not ended by a panic.
func WithoutPanicRecording() Option {
	return optionFunc(func(c *config) { c.sdk = append(c.sdk, sdktrace.WithoutPanicRecording()) })
}
