package trace

import (
	"context"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace/embedded"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// DefaultMaxOpen limits how long the span of a goroutine is open; see [WithMaxOpen].
const DefaultMaxOpen = 5 * time.Second

// life is one run of a goroutine's function, and its span, NAME.
//
// The span lasts as long as the function, unless that takes longer than the limit. Then it
// ends and is exported, so that the spans below it have their parent in the backend, and
// the rest of the life has a second span.
type life struct {
	goConfig
	tracer  *Tracer
	task    *Task
	ctx     context.Context // for the function
	called  time.Time
	spawned bool         // by Go; until the first span has ended
	root    bool         // its span has no parent
	span    *currentSpan // nil: nothing is recorded

	limit time.Duration // 0: none
	timer *time.Timer

	// turn is held while a span of the life is ended.
	turn  sync.Mutex
	start time.Time // of the current span, or when the function began
	over  bool
}

// begin begins the life of t with the span.
func (t *Task) begin(ctx context.Context, opts []GoOption, spawned bool) *life {
	s := scopeOf(ctx)
	l := &life{goConfig: goConfig{errorType: ErrorType}, tracer: s.tracer, task: t, called: time.Now(), spawned: spawned, limit: s.tracer.limit()}
	if t.outer == nil {
		t.parent = s.task
	}
	for _, o := range opts {
		if o != nil {
			o.applyGo(&l.goConfig)
		}
	}
	l.ctx = ctx
	if !l.tracer.skips(ctx) {
		l.beginSpan(ctx)
	}
	l.ctx = context.WithValue(l.ctx, scopeKey{}, &scope{l.tracer, t})
	return l
}

func (l *life) beginSpan(ctx context.Context) {
	t := l.task
	l.root = !oteltrace.SpanContextFromContext(ctx).IsValid()
	whole := new(core.Whole)
	if l.limit > 0 && l.tracer.maxOpen == 0 { // the default
		ctx = whole.Context(ctx)
	}
	l.attrs = append([]attribute.KeyValue{semconv.GoroutineNameKey.String(t.name)}, l.attrs...)
	var span oteltrace.Span
	if l.ctx, span = l.tracer.span(ctx, t.name, l.called, oteltrace.WithAttributes(l.attrs...)); span == nil {
		return
	}
	if whole.Wanted() {
		l.limit = 0
	}
	t.span = span.SpanContext()
	l.span = &currentSpan{first: t.span, now: span}
	l.ctx = pprof.WithLabels(oteltrace.ContextWithSpan(l.ctx, l.span), pprof.Labels(string(semconv.GoroutineNameKey), t.name))
}

// label sets the pprof labels of the calling goroutine if it is recorded, and reports
// whether it is.
func (l *life) label() bool {
	if l.span != nil {
		pprof.SetGoroutineLabels(l.ctx)
	}
	return l.span != nil
}

// running notes that the function begins, at l.start.
func (l *life) running() {
	l.attrs = append(l.attrs, semconv.GoroutineIDKey.Int64(l.task.id))
	if l.limit > 0 {
		l.timer = time.AfterFunc(l.limit-time.Since(l.called), l.cut)
	}
}

// delay appends how long the goroutine took to start, for its first span.
func (l *life) delay(attrs []attribute.KeyValue) []attribute.KeyValue {
	if l.spawned {
		attrs = append(attrs, semconv.GoroutineStartDelayKey.Float64(l.start.Sub(l.called).Seconds()))
	}
	return attrs
}

// cut ends the span, which has been open for long enough, and begins the second one.
func (l *life) cut() {
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.over {
		return
	}
	at := after(l.start)
	_, rest := l.tracer.span(l.ctx, l.task.name, at, oteltrace.WithAttributes(l.attrs...),
		oteltrace.WithLinks(oteltrace.Link{SpanContext: l.span.first}))
	if rest == nil {
		return // the sampler refused it: the first span continues
	}
	span := l.span.replace(rest)
	l.finish(span, at, semconv.StateRunning, "", nil, l.delay(l.attrs))
	l.start, l.spawned = at, false
}

// settle ends the first spans of the goroutine, and of those that started it, if they are
// still open: package live is about to make a span below them.
func (t *Task) settle() {
	for t != nil {
		if l := t.life.Load(); l != nil && l.timer != nil && l.timer.Stop() {
			l.cut()
		}
		t.mu.Lock()
		next := t.parent
		t.mu.Unlock()
		if t.outer != nil {
			next = t.outer
		}
		t = next
	}
}

// end ends the span.
func (l *life) end(state semconv.State, errorType string, err error, stack []attribute.KeyValue) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.turn.Lock()
	defer l.turn.Unlock()
	l.over = true
	at := after(l.start)
	l.finish(l.span.current(), at, state, errorType, err, append(l.delay(l.attrs), stack...))
}

// finish ends a span of the life, with the state and the totals of its time, and links
// it to the operation with the longest block and to the one whose error is the function's.
//
// The root of a trace gets no links to its own trace: Jaeger's page would take the first
// one for its parent, find no root, and show nothing.
func (l *life) finish(span oteltrace.Span, at time.Time, state semconv.State, errorType string, err error, attrs []attribute.KeyValue) {
	t := l.task
	t.mu.Lock()
	attrs = append(attrs[:len(attrs):len(attrs)], semconv.GoroutineStateKey.String(string(state)))
	attrs = t.totals.lap(attrs, l.start, at)
	attrs, longest := t.culprits.lap(attrs)
	failures := slices.Clone(t.failures)
	t.mu.Unlock()
	var failed oteltrace.SpanContext
	if errorType != "" && err != nil {
		failed = failedWith(failures, err)
	}
	blocked := longest.operation()
	root := l.root && span.SpanContext().SpanID() == l.span.first.SpanID()
	if root && blocked.IsValid() {
		attrs = append(attrs, semconv.BlockLongestSpanKey.String(blocked.SpanID().String()))
	}
	for _, to := range []oteltrace.SpanContext{blocked, failed} {
		if to.IsValid() && !(root && to.TraceID() == l.span.first.TraceID()) {
			span.AddLink(oteltrace.Link{SpanContext: to})
		}
		if to.Equal(failed) {
			break
		}
	}
	finish(span, at, errorType, err, attrs)
}

// currentSpan is the span of a goroutine in the context of its function. For spans below,
// it is the goroutine's first span, and for what is set on it, the one that is open.
type currentSpan struct {
	embedded.Span
	first oteltrace.SpanContext

	mu  sync.RWMutex
	now oteltrace.Span
}

var _ oteltrace.Span = (*currentSpan)(nil)

// replace makes next the current span, and returns the one before, which is not changed
// through c any more.
func (c *currentSpan) replace(next oteltrace.Span) (before oteltrace.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.now = c.now, next
	return before
}

func (c *currentSpan) current() oteltrace.Span {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now
}

// SpanContext returns that of the goroutine's first span, which is the parent of spans
// below it even after it has ended.
func (c *currentSpan) SpanContext() oteltrace.SpanContext { return c.first }

// IsRecording reports whether the span that is open is recorded.
func (c *currentSpan) IsRecording() bool { return c.current().IsRecording() }

// SetAttributes sets attributes of the span that is open.
func (c *currentSpan) SetAttributes(attrs ...attribute.KeyValue) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.SetAttributes(attrs...)
}

// SetStatus sets the status of the span that is open. If the function fails, its error
// sets the status at the end.
func (c *currentSpan) SetStatus(code codes.Code, description string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.SetStatus(code, description)
}

// SetName sets the name of the span that is open.
func (c *currentSpan) SetName(name string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.SetName(name)
}

// AddLink adds a link to the span that is open.
func (c *currentSpan) AddLink(link oteltrace.Link) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.AddLink(link)
}

// AddEvent adds an event to the span that is open.
func (c *currentSpan) AddEvent(name string, opts ...oteltrace.EventOption) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.AddEvent(name, opts...) //nolint:forbidigo // somebody's own
}

// RecordError adds an event for err to the span that is open.
func (c *currentSpan) RecordError(err error, opts ...oteltrace.EventOption) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.now.RecordError(err, opts...) //nolint:forbidigo // somebody's own
}

// End does nothing: the goroutine's span ends with its function.
func (c *currentSpan) End(...oteltrace.SpanEndOption) {}

// TracerProvider returns the provider of the span.
func (c *currentSpan) TracerProvider() oteltrace.TracerProvider { return c.current().TracerProvider() }
