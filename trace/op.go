package trace

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/emit"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Op is one call that may block: a read, a write, a lock. It is the state
// machine behind every span of this module: running, blocked, running again.
//
//	ctx, op := trace.Start(ctx, "fetch")
//	op.Block(trace.ReasonChanRecv)
//	v := <-ch
//	op.Wake(trace.WakeReceived)
//	op.End(nil)
//
// Inside the span of an Op, block and wake spans alternate and tile it: a wake
// begins exactly where the block before it ends, and ends where the next one
// begins or the operation does. An Op that never blocked has neither. They
// become spans when they are over, so nothing is open while the goroutine is
// parked but the operation itself.
//
// A nil *Op is valid and does nothing: it is what [Start] returns when nothing
// is recorded. One that is only measured (see [WithMeterProvider]) has no span.
// Methods are safe for concurrent use, and do nothing after End.
type Op struct {
	tracer *Tracer
	task   *Task
	above  context.Context // that it was started with
	begun                  // with the operation; no span where it begins later, or blocks are only measured
	later  *later          // nil where the span began with the operation
	share  *Share
	room   *room // that it is in, nil where it is in none
	start  time.Time

	mu      sync.Mutex
	state   opState
	waking  bool                  // a wake is in progress
	woken   bool                  // into that wake, and nobody has said yet by whom
	left    int                   // spans that were left out
	last    time.Duration         // the latest edge; edges never go back
	block   edge                  // in progress while blocked
	wake    edge                  // in progress where waking
	waker   oteltrace.SpanContext // of that wake, not valid: not known
	blocks  int
	blocked time.Duration
	spare   *spare // nil before the first block, and where spans are made whole

	told    atomic.Bool           // a span `stalled` tells of the block in progress
	stalled oteltrace.SpanContext // the last that did; not valid: none
	held    bool                  // somebody may look at it for longer than it is in use

	name string
	on   any // what it waits for or is a part of, for package live; nil: nothing that is known
}

// edge is where a block or a wake began, and what is known of it. Edges of one
// operation are placed on the monotonic clock from its start, so that a step of
// the wall clock between them changes neither durations nor the tiling.
type edge struct {
	at     time.Duration // since the start
	reason string
	attrs  []attribute.KeyValue
}

type opState uint8

const (
	opRunning opState = iota
	opBlocked
	opEnded
)

// Start begins an operation as a child of the span in ctx. The context it
// returns carries the operation's span. When nothing would be recorded it
// returns a nil Op, and ctx itself unless it is the root of a trace that the
// sampler refused; below such a root, and wherever ctx is not sampled, it
// allocates nothing (see [Tracer.Span]).
//
// The caller must call [Op.End].
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, *Op) {
	s := scopeOf(ctx)
	return s.tracer.start(ctx, s.task, name, attrs)
}

// Start is the function [Start] with t as the tracer.
func (t *Tracer) Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, *Op) {
	return t.start(ctx, scopeOf(ctx).task, name, attrs)
}

func (t *Tracer) start(ctx context.Context, task *Task, name string, attrs []attribute.KeyValue) (context.Context, *Op) {
	recorded := !t.skips(ctx)
	if !recorded && !t.measures(ctx) {
		return ctx, nil
	}
	o := &Op{tracer: t, task: task, above: ctx, name: name}
	if !recorded {
		o.start = time.Now()
		return ctx, o
	}
	o.carried.Store(&o.self)
	o.start = o.begin(ctx, t, name, time.Time{}, &OpConfig{}, attrs)
	o.annotate()
	if o.span == nil && !t.measures(ctx) {
		return o.context(), nil
	}
	return o.context(), o
}

// A Detail is what is known of a block or a wake beyond its reason.
type Detail struct {
	at    time.Time
	cause oteltrace.SpanContext
	attrs []attribute.KeyValue
}

// At says when a block or wake began, where that was not now. A time before
// the operation's last edge counts as that edge.
func At(t time.Time) Detail { return Detail{at: t} }

// CausedBy names the span that caused a wake; the wake links to it. An invalid
// span context is ignored.
func CausedBy(sc oteltrace.SpanContext) Detail { return Detail{cause: sc} }

// Evidence is what was measured about a block: attributes of the block span,
// given at the park or, as what only the wake can tell, at the wake. The attrs
// of a call are kept, and may be what an exporter reads: nobody may change them.
// They are allocated even where the Op is nil: where that counts, make the Detail
// once, or ask [Op.Shows].
func Evidence(attrs ...attribute.KeyValue) Detail { return Detail{attrs: attrs} }

// Block says that the goroutine is about to park, waiting for r. An operation
// that is blocked already stays in its block.
func (o *Op) Block(r semconv.Reason, details ...Detail) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != opRunning {
		return
	}
	o.state = opBlocked
	o.block = edge{at: o.edge(details), reason: string(r), attrs: gather(nil, details)}
	o.task.park(o, o.start.Add(o.block.at))
}

// Wake says that the goroutine runs again, and why. It does nothing where no
// block is in progress.
//
// Where the connection was closed because the operation's own context ended, as
// the WebSocket libraries do, [semconv.WakeClosed] becomes [semconv.WakeCanceled] or
// [semconv.WakeDeadline], with the text of context.Cause in [semconv.WakeCauseKey].
func (o *Op) Wake(w semconv.WakeReason, details ...Detail) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state != opBlocked {
		return
	}
	at := o.edge(details)
	o.state = opRunning
	o.block.attrs = gather(o.block.attrs, details)
	if o.woken = o.unblocked(at); o.woken {
		o.waking, o.wake = true, edge{at: at}
		o.wake.reason, o.wake.attrs = o.wakeReason(w)
		o.waker = cause(details)
	}
}

// WokenBy names the span that caused the latest wake, where that shows only
// after it: a reader is woken first and then finds in what it read whose it is.
// The wake links to it. Only the first call after a [Op.Wake] counts, also with an
// invalid span context, which says that it was nobody who is known; and none
// where that wake has a cause.
func (o *Op) WokenBy(sc oteltrace.SpanContext) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.woken && o.state == opRunning && !o.waker.IsValid() {
		o.waker = sc
	}
	o.woken = false
}

// Link links the operation to the span that it is due to, as a read to the write
// of the peer's that sent its message. An invalid span context is ignored.
func (o *Op) Link(to oteltrace.SpanContext) {
	if o == nil || !to.IsValid() {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	link := oteltrace.Link{SpanContext: to}
	if span := o.current().span; span != nil {
		span.AddLink(link)
	} else if o.later != nil {
		o.later.Links = append(slices.Clip(o.later.Links), link)
	}
}

// Now returns the time on the operation's clock, which starts with it and does not
// step: for [At]. It is cheaper than time.Now. The Op must not be nil.
func (o *Op) Now() time.Time { return o.start.Add(time.Since(o.start)) }

// giveUp ends an operation whose wait was ended by ctx, and returns why ctx did.
func (o *Op) giveUp(ctx context.Context, details ...Detail) error {
	err := context.Cause(ctx)
	o.Wake(semconv.WakeCanceled, details...)
	o.End(err)
	return err
}

// origin is the span that a wake by who did something with ctx links to: the
// operation, or else the goroutine or whatever ctx carries. It is invalid where
// that is not recorded, since nobody could follow the link.
func origin(ctx context.Context) oteltrace.SpanContext {
	if ctx == nil {
		return oteltrace.SpanContext{}
	}
	sc := oteltrace.SpanContextFromContext(ctx)
	if !sc.IsSampled() {
		return oteltrace.SpanContext{}
	}
	return sc
}

// goroutineOf is the span "go NAME" of the goroutine that ctx is of, if it is
// recorded.
func goroutineOf(ctx context.Context) oteltrace.SpanContext {
	if ctx != nil {
		if t := scopeOf(ctx).task; t != nil {
			return t.spawned
		}
	}
	return oteltrace.SpanContext{}
}

func (o *Op) wakeReason(w semconv.WakeReason) (string, []attribute.KeyValue) {
	err := o.above.Err()
	if err == nil || w != semconv.WakeClosed && w != semconv.WakeCanceled && w != semconv.WakeDeadline {
		return string(w), nil
	}
	w = semconv.WakeCanceled
	if errors.Is(err, context.DeadlineExceeded) {
		w = semconv.WakeDeadline
	}
	if cause := context.Cause(o.above); cause.Error() != err.Error() {
		return string(w), []attribute.KeyValue{semconv.WakeCauseKey.String(cause.Error())}
	}
	return string(w), nil
}

// unblocked counts a block that is over. Where it is long enough for a span,
// it emits the wake before it and the block, and reports true.
func (o *Op) unblocked(end time.Duration) bool {
	d := end - o.block.at
	o.blocks++
	o.blocked += d
	o.task.unpark(o, semconv.Reason(o.block.reason), o.start.Add(o.block.at), o.start.Add(end))
	o.meter(&o.block, d)
	switch {
	case o.told.Load():
		o.share.Spend(2)
	case d < o.tracer.minBlock || !o.admit():
		return false
	}
	o.emitWake(o.block.at)
	o.emit(blockSpan, &o.block, end, &o.stalled)
	if o.told.Load() {
		o.told.Store(false)
		o.stalled = oteltrace.SpanContext{}
	}
	return true
}

// End ends the operation. It is an error in the sense of OpenTelemetry, with
// status Error, whose description is its text, and [semconv.ErrorTypeKey], unless err is
// nil, a normal end, or comes from the cancellation of the context that the
// operation was started with, be it as context.Canceled, as its context.Cause or as
// net.ErrClosed; see [ErrorType]. The first End
// counts.
func (o *Op) End(err error, attrs ...attribute.KeyValue) {
	if o == nil {
		return
	}
	typ := ErrorType(err)
	if typ != "" && canceled(o.above, err) {
		typ = ""
	}
	o.EndWithError(typ, err, attrs...)
}

// EndAs is End for a caller who knows better what kind of error it was:
// errorType becomes [semconv.ErrorTypeKey], and "" is no error.
func (o *Op) EndAs(errorType string, attrs ...attribute.KeyValue) {
	o.EndWithError(errorType, nil, attrs...)
}

// EndWithError is EndAs with an error whose text is the description of the
// status, as [Op.End] has it.
func (o *Op) EndWithError(errorType string, err error, attrs ...attribute.KeyValue) {
	if o != nil {
		o.endAs(errorType, err, attrs, &emit.Values{})
	}
}

func (o *Op) endAs(errorType string, err error, attrs []attribute.KeyValue, laid *emit.Values) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.state == opEnded {
		return
	}
	end := o.edge(nil)
	if o.state == opBlocked && o.unblocked(end) {
		o.waking = false
	}
	o.state = opEnded
	if o.settle(errorType != "") {
		o.emitWake(end)
		o.finish(end, errorType, err, attrs, laid)
	}
}

// Shows reports whether a block that lasted d becomes a span, so that evidence
// is gathered for those alone; see [Op.Meters].
func (o *Op) Shows(d time.Duration) bool {
	if o == nil || d < o.tracer.minBlock && !o.told.Load() {
		return false
	}
	if o.later == nil {
		return o.span != nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.later.begun.Load() != nil || o.later.Show <= ShowBlocked
}

// Meters reports whether blocks are measured, by [semconv.BlockReasonKey] and
// [semconv.BlockCauseKey], whether or not they become spans.
func (o *Op) Meters() bool { return o != nil && o.tracer.Meters(o.above) }

// Context returns the context that carries the operation's span, or the one it
// was started with as long as it has none; context.Background for a nil Op.
func (o *Op) Context() context.Context {
	if o == nil {
		return context.Background()
	}
	return o.context()
}

// SpanContext returns the span context of the operation, for a link. It is
// invalid for a nil Op, and as long as the operation has no span.
func (o *Op) SpanContext() oteltrace.SpanContext {
	if o == nil {
		return oteltrace.SpanContext{}
	}
	if span := o.current().span; span != nil {
		return span.SpanContext()
	}
	return oteltrace.SpanContext{}
}

// SetAttributes adds attributes to the operation's span, if it comes to have
// one.
func (o *Op) SetAttributes(attrs ...attribute.KeyValue) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if b := o.current(); b.span != nil {
		b.set(attrs...)
	} else if o.later != nil {
		o.later.attrs = append(o.later.attrs, attrs...)
	}
}

// edge reads the clock, once, unless a detail says when it was.
func (o *Op) edge(details []Detail) time.Duration {
	at := time.Duration(-1)
	for i := range details {
		if t := &details[i].at; !t.IsZero() {
			at = max(t.Sub(o.start), 0)
		}
	}
	if at < 0 {
		at = time.Since(o.start)
	}
	o.last = max(at, o.last+tick(o.start))
	return o.last
}

// cause is the last that is given among details.
func cause(details []Detail) (by oteltrace.SpanContext) {
	for i := range details {
		if sc := &details[i].cause; sc.IsValid() {
			by = *sc
		}
	}
	return by
}

// gather appends the evidence among details. It copies nothing where that is all
// in one, which may begin with what is known.
func gather(attrs []attribute.KeyValue, details []Detail) []attribute.KeyValue {
	for i := range details {
		switch more := slices.Clip(details[i].attrs); {
		case len(more) == 0:
		case len(attrs) == 0, len(attrs) == 1 && attrs[0].Key == more[0].Key:
			attrs = more
		default:
			attrs = append(attrs, more...)
		}
	}
	return attrs
}
