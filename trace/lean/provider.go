package lean

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean/internal/encode"
)

// TracerProvider is the SDK's TracerProvider, except for the tracer of [trace.ScopeName].
// Methods are safe for concurrent use.
type TracerProvider struct {
	*sdktrace.TracerProvider
	sampler  sdktrace.Sampler // nil: the SDK's default
	ids      sdktrace.IDGenerator
	plain    bool // neither runs the program's code for a child of a sampled span
	limits   limits
	resource *resource.Resource
	complete oteltrace.Tracer // of the SDK, with the same limits and no processors; for data.rest

	mu         sync.Mutex
	tracers    map[instrumentation.Scope]*tracer
	processors atomic.Pointer[[]sdktrace.SpanProcessor]
	quiet      atomic.Bool // their OnStart does nothing
	bursts     atomic.Bool // they get spans in bursts
	burst      burst
	losses     losses
	shut       atomic.Bool
}

var _ oteltrace.TracerProvider = (*TracerProvider)(nil)

// NewTracerProvider returns a provider as sdktrace.NewTracerProvider does, with the
// same defaults.
func NewTracerProvider(opts ...Option) *TracerProvider {
	c := config{limits: sdktrace.NewSpanLimits(), ids: randomIDs{}, sampler: samplerFromEnv()}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	if c.resource == nil {
		c.resource = resource.Default()
	}
	c.sdk = append(c.sdk, sdktrace.WithRawSpanLimits(c.limits), sdktrace.WithIDGenerator(c.ids))
	complete := sdktrace.NewTracerProvider(sdktrace.WithRawSpanLimits(c.limits),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), sdktrace.WithResource(resource.Empty()))
	p := &TracerProvider{
		TracerProvider: sdktrace.NewTracerProvider(c.sdk...),
		sampler:        c.sampler,
		ids:            c.ids,
		plain:          follows(c.sampler) && c.ids == sdktrace.IDGenerator(randomIDs{}),
		resource:       c.resource,
		complete:       complete.Tracer(trace.ScopeName),
		tracers:        map[instrumentation.Scope]*tracer{},
	}
	p.limits = limits{
		attributes: c.limits.AttributeCountLimit, links: c.limits.LinkCountLimit,
		length: c.limits.AttributeValueLengthLimit, overflow: p.overflow,
	}
	p.burst.processors = func() []sdktrace.SpanProcessor { return *p.processors.Load() }
	p.processors.Store(new([]sdktrace.SpanProcessor))
	p.use(c.processors)
	p.losses.failed = c.failed
	p.losses.measure(c.meters)
	return p
}

func (p *TracerProvider) use(processors []sdktrace.SpanProcessor) {
	p.burst.flush() // to the previous ones
	all := func(is func(sdktrace.SpanProcessor) bool) bool {
		return !slices.ContainsFunc(processors, func(sp sdktrace.SpanProcessor) bool { return !is(sp) })
	}
	p.quiet.Store(all(quiet))
	p.bursts.Store(len(processors) > 0 && all(gathers))
	for _, sp := range processors {
		p.losses.watch(sp)
	}
	p.processors.Store(&processors)
}

// ended hands a span that has ended to the processors.
func (p *TracerProvider) ended(s sdktrace.ReadOnlySpan) {
	if p.bursts.Load() {
		if !p.burst.add(s) {
			return
		}
	} else {
		for _, sp := range *p.processors.Load() {
			sp.OnEnd(s)
		}
	}
	p.losses.check()
}

// Tracer returns the SDK's tracer, or a lean one if name is [trace.ScopeName].
func (p *TracerProvider) Tracer(name string, opts ...oteltrace.TracerOption) oteltrace.Tracer {
	if name != trace.ScopeName || p.shut.Load() {
		return p.TracerProvider.Tracer(name, opts...)
	}
	c := oteltrace.NewTracerConfig(opts...)
	scope := instrumentation.Scope{
		Name: name, Version: c.InstrumentationVersion(),
		SchemaURL: c.SchemaURL(), Attributes: c.InstrumentationAttributes(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.tracers[scope]
	if t == nil {
		t = &tracer{Tracer: p.complete, provider: p, origin: encode.Origin{Resource: p.resource, Scope: scope}, limits: p.limits}
		t.limits.tracer = t
		p.tracers[scope] = t
	}
	return t
}

// RegisterSpanProcessor adds a processor, as the SDK does.
func (p *TracerProvider) RegisterSpanProcessor(sp sdktrace.SpanProcessor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut.Load() {
		return
	}
	p.TracerProvider.RegisterSpanProcessor(sp)
	p.use(append(slices.Clone(*p.processors.Load()), sp))
}

// UnregisterSpanProcessor removes a processor and shuts it down, as the SDK does.
func (p *TracerProvider) UnregisterSpanProcessor(sp sdktrace.SpanProcessor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shut.Load() {
		return
	}
	processors := slices.Clone(*p.processors.Load())
	for i := len(processors) - 1; i >= 0; i-- { // the last one, as the SDK does
		if processors[i] == sp {
			processors = slices.Delete(processors, i, i+1)
			break
		}
	}
	p.use(processors)
	p.TracerProvider.UnregisterSpanProcessor(sp)
}

// Shutdown shuts the processors down, as the SDK does.
func (p *TracerProvider) Shutdown(ctx context.Context) error {
	p.mu.Lock() // or a processor that is being registered would stay
	p.shut.Store(true)
	p.mu.Unlock()
	p.burst.flush()
	err := p.TracerProvider.Shutdown(ctx)
	p.use(nil)
	p.losses.end()
	return err
}

// randomIDs makes ids like the SDK's default generator, which is not exported.
type randomIDs struct{}

func (randomIDs) NewIDs(ctx context.Context) (id oteltrace.TraceID, _ oteltrace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id, randomIDs{}.NewSpanID(ctx, id)
}

func (randomIDs) NewSpanID(context.Context, oteltrace.TraceID) (id oteltrace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
