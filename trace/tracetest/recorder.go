package tracetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdkresource "go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Option configures [NewRecorder].
type Option interface{ apply(*config) }

type config struct {
	service  string
	ids      bool
	open     bool
	provider []sdktrace.TracerProviderOption
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// WithService sets the service.name of the spans of [Recorder.TracerProvider].
// By default they have none.
func WithService(name string) Option { return optionFunc(func(c *config) { c.service = name }) }

// WithDeterministicIDs numbers the traces and the spans from 1, in the order of their
// starts, instead of using random ids.
func WithDeterministicIDs() Option { return optionFunc(func(c *config) { c.ids = true }) }

// WithOpenSpans allows spans that never end.
func WithOpenSpans() Option { return optionFunc(func(c *config) { c.open = true }) }

// WithProviderOptions adds options for the recorder's providers, such as samplers and
// exporters. They are applied last, so they win: a resource among them replaces the
// service. Several such options add up.
func WithProviderOptions(opts ...sdktrace.TracerProviderOption) Option {
	return optionFunc(func(c *config) { c.provider = append(c.provider, opts...) })
}

// Recorder records the spans of its own TracerProviders. It is safe for concurrent use, has
// no goroutine and no timer, and may be used in a [testing/synctest] bubble if it was
// created there.
type Recorder struct {
	cfg config
	ids *ids

	mu       sync.Mutex
	services map[string]*sdktrace.TracerProvider
	spans    []chain.Span  // in the order of their starts
	places   []string      // where each was started
	at       map[id]int    // by identity: the index in spans of the last one
	ends     []int         // the indexes in spans of those that have ended, in that order
	ended    chan struct{} // closed at the next end; nil: nobody waits for it
}

type id struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

// NewRecorder returns a recorder of every sampled span. At the end of the test, after the
// cleanups that were registered later, it fails the test for spans that have not ended,
// with the place where each was started, and shuts its providers down.
//
// Recordings are complete: the span of a goroutine has no limit of time
// (trace.WithMaxOpen), and each message of a connection has a span
// (wsconn.WithMessageSpans), unless the program or the test sets these options.
//
// The recorder does not use the global provider, the environment's sampler or
// OTEL_SERVICE_NAME.
func NewRecorder(tb testing.TB, opts ...Option) *Recorder {
	tb.Helper()
	r := &Recorder{services: make(map[string]*sdktrace.TracerProvider), at: make(map[id]int)}
	for _, o := range opts {
		if o != nil {
			o.apply(&r.cfg)
		}
	}
	if r.cfg.ids {
		r.ids = new(ids)
	}
	tb.Cleanup(func() {
		tb.Helper()
		r.close(tb)
	})
	return r
}

// TracerProvider returns the provider whose spans are recorded.
func (r *Recorder) TracerProvider() *sdktrace.TracerProvider { return r.Service(r.cfg.service) }

// Service returns a provider whose spans are recorded too, as those of the service name,
// such as the other end of a connection. It returns the same provider for the same name.
func (r *Recorder) Service(name string) *sdktrace.TracerProvider {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tp, ok := r.services[name]; ok {
		return tp
	}
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithResource(sdkresource.NewSchemaless(semconv.ServiceName(name))),
		sdktrace.WithSpanProcessor((*processor)(r)),
	}
	if r.ids != nil {
		opts = append(opts, sdktrace.WithIDGenerator(r.ids))
	}
	tp := sdktrace.NewTracerProvider(append(opts, r.cfg.provider...)...)
	r.services[name] = tp
	return tp
}

// SpanProcessor returns a processor that records the spans of a provider which the recorder
// does not create, such as the program's own. The recorder does not shut that provider
// down.
func (r *Recorder) SpanProcessor() sdktrace.SpanProcessor { return (*processor)(r) }

// Chain returns all spans so far as a chain. It does not correct clocks, since there is
// only one. Spans that have not ended have no End, and the name, attributes and links that
// they started with.
func (r *Recorder) Chain() *chain.Chain {
	r.mu.Lock()
	spans := slices.Clone(r.spans)
	r.mu.Unlock()
	return chain.New(spans, chain.WithoutSkewCorrection())
}

// Wait returns when a span that matches m has ended, before the call or after it. m is
// called with the span alone, without parent and children. The error wraps the cause of
// ctx, and shows what was recorded.
func (r *Recorder) Wait(ctx context.Context, m Matcher) error { return r.WaitN(ctx, m, 1) }

// WaitN is [Recorder.Wait] for n spans.
func (r *Recorder) WaitN(ctx context.Context, m Matcher, n int) error {
	if m.err != nil {
		return fmt.Errorf("tracetest: wait: %w", m.err)
	}
	return r.wait(ctx, m.String(), func(ended *chain.Span) bool {
		if ended != nil && m.Match(ended) {
			n--
		}
		return n <= 0
	})
}

// WaitEnded returns when all spans that were started have ended, so that none is open. The
// error is like that of [Recorder.Wait].
func (r *Recorder) WaitEnded(ctx context.Context) error {
	return r.wait(ctx, "all spans to end", func(*chain.Span) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.ends) == len(r.spans)
	})
}

// wait calls done with nil, and then with each span that has ended, until it returns true.
func (r *Recorder) wait(ctx context.Context, what string, done func(ended *chain.Span) bool) error {
	for i, ok := 0, done(nil); !ok; ok = done(new(r.end(i - 1))) {
		r.mu.Lock()
		more := r.ended
		if i == len(r.ends) && more == nil {
			more = make(chan struct{})
			r.ended = more
		}
		arrived := i < len(r.ends)
		r.mu.Unlock()
		if !arrived {
			select {
			case <-more:
			case <-ctx.Done():
				return fmt.Errorf("tracetest: wait for %s: %w; %s", what, context.Cause(ctx), shown(r.Chain()))
			}
		}
		i++
	}
	return nil
}

// end returns a copy of the i-th span that ended.
func (r *Recorder) end(i int) chain.Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spans[r.ends[i]]
}

// settle lets goroutines run that are between the start and the end of a span: a span that
// is created after the fact is open for a moment, which is long if the goroutine's thread
// has lost its processor. It gives up after some milliseconds. It does not measure them,
// since the clock may be a bubble's.
func (r *Recorder) settle() {
	for range 20_000 {
		r.mu.Lock()
		open := len(r.spans) - len(r.ends)
		r.mu.Unlock()
		if open == 0 {
			return
		}
		runtime.Gosched()
	}
}

// close fails the test for spans that have not ended, and shuts the providers down.
func (r *Recorder) close(tb testing.TB) {
	tb.Helper()
	if !r.cfg.open {
		r.settle()
	}
	r.mu.Lock()
	var b strings.Builder
	n, all := 0, len(r.spans)
	for i := range r.spans {
		if s := &r.spans[i]; s.End.IsZero() {
			n++
			b.WriteString("\n\t" + quoteName(s.Name))
			if s.Service != "" {
				b.WriteString(" [" + text.Printable(s.Service) + "]")
			}
			b.WriteString(", started at " + r.places[i])
		}
	}
	providers := slices.Collect(maps.Values(r.services))
	r.mu.Unlock()
	if n > 0 && !r.cfg.open {
		tb.Errorf("tracetest: %d of %d spans never ended:%s", n, all, &b)
	}
	for _, tp := range providers {
		if err := tp.Shutdown(context.Background()); err != nil {
			tb.Errorf("tracetest: shut down: %v", err)
		}
	}
}

// processor is the recorder as a SpanProcessor of the SDK.
type processor Recorder

var _ sdktrace.SpanProcessor = (*processor)(nil)

// OnStart records the start of s. It runs on the goroutine that starts it.
func (p *processor) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	core.WantWhole(ctx)
	sp := chain.FromSpans([]sdktrace.ReadOnlySpan{s})[0]
	sp.Attributes = slices.Clone(sp.Attributes) // they are the SDK's while the span is open
	sp.End = time.Time{}
	sp.StartedOn = goroutine()
	where := caller()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at[id{sp.TraceID, sp.SpanID}] = len(p.spans)
	p.spans = append(p.spans, sp)
	p.places = append(p.places, where)
}

// OnEnd records the end of s. It runs on the goroutine that ends it.
func (p *processor) OnEnd(s sdktrace.ReadOnlySpan) {
	if !s.SpanContext().IsSampled() {
		return
	}
	sp := chain.FromSpans([]sdktrace.ReadOnlySpan{s})[0]
	sp.EndedOn = goroutine()
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.at[id{sp.TraceID, sp.SpanID}]
	if !ok {
		return
	}
	sp.StartedOn = p.spans[i].StartedOn
	p.spans[i] = sp
	p.ends = append(p.ends, i)
	if p.ended != nil {
		close(p.ended)
		p.ended = nil
	}
}

// Shutdown does nothing.
func (*processor) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (*processor) ForceFlush(context.Context) error { return nil }

// ids generates ids that number traces and spans.
type ids struct{ traces, spans atomic.Uint64 }

var _ sdktrace.IDGenerator = (*ids)(nil)

func (g *ids) NewIDs(ctx context.Context) (t oteltrace.TraceID, _ oteltrace.SpanID) {
	binary.BigEndian.PutUint64(t[8:], g.traces.Add(1))
	return t, g.NewSpanID(ctx, t)
}

func (g *ids) NewSpanID(context.Context, oteltrace.TraceID) (s oteltrace.SpanID) {
	binary.BigEndian.PutUint64(s[:], g.spans.Add(1))
	return s
}
