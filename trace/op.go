package trace

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Op is one call that may block: a read, a write, a lock. It runs, is blocked, and runs
// again:
//
//	ctx, op := trace.Start(ctx, "fetch")
//	op.Block(semconv.ReasonChanRecv)
//	v := <-ch
//	op.Wake(semconv.WakeReceived)
//	op.End(nil)
//
// Inside the span of an Op, block and wake spans alternate and tile it: a wake begins
// exactly when the block before it ends, and ends when the next block begins or the
// operation ends. An Op that never blocked has neither. They become spans when they are
// over, so only the operation's span is open while the goroutine is parked.
//
// An Op is a reference, and may be copied. The zero Op, which [Start] returns when nothing
// is recorded, does nothing, nor does one that has ended. Methods are safe for concurrent
// use. Spans are made by the goroutine that calls Wake or End, one at a time for each
// operation and without a lock held: a span processor may call anything.
type Op core.Ref

// Start begins an operation as a child of the span in ctx. The context it
// returns carries the operation's span. When nothing would be recorded it
// returns the zero Op, and ctx itself unless it is the root of a trace that the
// sampler refused; below such a root, and wherever ctx is not sampled, it
// allocates nothing.
//
// The caller must call [Op.End].
func Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, Op) {
	s := scopeOf(ctx)
	return s.tracer.start(ctx, s.task, name, attrs)
}

// Start is the function [Start] with t as the tracer.
func (t *Tracer) Start(ctx context.Context, name string, attrs ...attribute.KeyValue) (context.Context, Op) {
	return t.start(ctx, scopeOf(ctx).task, name, attrs)
}

func (t *Tracer) start(ctx context.Context, task *Task, name string, attrs []attribute.KeyValue) (context.Context, Op) {
	recorded, metered := !t.skips(ctx), t.metered(ctx)
	if !recorded && !metered && !t.live {
		return ctx, Op{}
	}
	c := core.Config{Name: name, Context: ctx, Attrs: slices.Clone(attrs)}
	return t.startWith(&c, task, recorded, metered)
}

// startWith is start for an operation that is followed.
func (t *Tracer) startWith(c *core.Config, task *Task, recorded, metered bool) (context.Context, Op) {
	ref, below := t.begin(c, task, recorded, metered)
	if below == nil {
		below = ref.Context()
	}
	return below, Op(ref)
}

// begin begins an operation. If nothing is recorded it returns the zero Ref, and the
// context for operations below; otherwise the context is nil.
func (t *Tracer) begin(c *core.Config, task *Task, recorded, metered bool) (core.Ref, context.Context) {
	if task != nil {
		c.Owner = (*owner)(task)
	}
	c.Sinks = t.sinks(recorded, metered)
	if !recorded || c.Late || c.Show != core.ShowAll {
		at := c.At
		if at.IsZero() {
			at = time.Now()
		}
		r, ref := core.New(at, c)
		if recorded {
			t.spans.prepare(r)
		}
		return ref, nil
	}
	var start time.Time
	if t.maker() != nil || c.Root.IsValid() {
		start = time.Now() // else the provider reads the clock
	}
	r, ref := core.New(start, c)
	t.spans.prepare(r)
	begun := t.spans.begin(r)
	if annotate.On() && begun {
		annotate.Begin(of(r).span.SpanContext())
	}
	if !begun && !metered && !t.live {
		below := r.Below()
		of(r).clear()
		r.Free()
		return core.Ref{}, below
	}
	return ref, nil
}

// A Detail describes a block or a wake beyond its reason.
type Detail struct {
	at    time.Time
	cause oteltrace.SpanContext
	attrs []attribute.KeyValue
}

// At sets when a block or wake began; the default is now. A time before the operation's
// last edge counts as that edge.
func At(t time.Time) Detail { return Detail{at: t} }

// CausedBy names the span that caused a wake; the wake links to it. An invalid
// span context is ignored.
func CausedBy(sc oteltrace.SpanContext) Detail { return Detail{cause: sc} }

// Evidence adds attributes to a block's span: measurements of the block, passed to Block
// or, if they are known only afterwards, to Wake. The attrs are kept, and must not be
// changed. They are allocated even if nothing is recorded. If that matters, make the
// Detail once, or call [Op.Wants] first.
func Evidence(attrs ...attribute.KeyValue) Detail { return Detail{attrs: attrs} }

// Block records that the goroutine is about to park, waiting for r. It does nothing if the
// operation is already blocked.
func (o Op) Block(r semconv.Reason, details ...Detail) {
	if o.Valid() {
		at, _ := look(details)
		core.Ref(o).Block(at, core.Edge{Reason: string(r), Attrs: gather(details)})
	}
}

// Wake records that the goroutine runs again, and why. It does nothing if no block is in
// progress.
//
// If the operation's own context has ended, for which WebSocket libraries close the
// connection, [semconv.WakeClosed] becomes [semconv.WakeCanceled] or
// [semconv.WakeDeadline], with the text of context.Cause in [semconv.WakeCauseKey].
func (o Op) Wake(w semconv.WakeReason, details ...Detail) {
	if !o.Valid() {
		return
	}
	at, by := look(details)
	edge := core.Edge{Reason: string(w), By: by}
	if w == semconv.WakeClosed || w == semconv.WakeCanceled || w == semconv.WakeDeadline {
		edge.Reason, edge.Cause = canceledWake(core.Ref(o).StartContext(), w)
	}
	core.Ref(o).Wake(at, edge, gather(details))
}

func canceledWake(ctx context.Context, w semconv.WakeReason) (reason, why string) {
	if ctx == nil || ctx.Err() == nil {
		return string(w), ""
	}
	w = semconv.WakeCanceled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		w = semconv.WakeDeadline
	}
	if cause := context.Cause(ctx); cause.Error() != ctx.Err().Error() {
		why = cause.Error()
	}
	return string(w), why
}

// WokenBy names the span that caused the latest wake, if that is known only afterwards:
// a reader is woken first, and then finds in what it read who sent it. The wake links
// to the span. Only the first call after a [Op.Wake] counts. An invalid span context
// says that the cause is not known. A wake that already has a cause keeps it.
func (o Op) WokenBy(sc oteltrace.SpanContext) { core.Ref(o).WokenBy(sc) }

// Link links the operation to a span that caused it, such as a read to the peer's write of
// the message. An invalid span context is ignored.
func (o Op) Link(to oteltrace.SpanContext) { core.Ref(o).Link(to) }

// SetAttributes adds attributes to the operation's span, if it has one in the end.
func (o Op) SetAttributes(attrs ...attribute.KeyValue) {
	if o.Valid() {
		core.Ref(o).SetAttributes(slices.Clone(attrs))
	}
}

// Valid reports whether there is an operation. It does not say whether the operation
// has ended.
func (o Op) Valid() bool { return core.Ref(o).Valid() }

// Wants reports whether the evidence of a block that lasted d is used. If it is not, there
// is no need to gather any.
func (o Op) Wants(d time.Duration) bool { return core.Ref(o).Wants(d) }

// End ends the operation. It has failed unless err is nil, is a normal end (see
// [ErrorType]), or comes from the cancellation of the context that the operation was
// started with, as context.Canceled, as its context.Cause, or as net.ErrClosed. If it has
// failed, the span has the status Error, described by err's text, and
// [semconv.ErrorTypeKey]. The first End counts.
func (o Op) End(err error, attrs ...attribute.KeyValue) {
	if !o.Valid() {
		return
	}
	typ := ErrorType(err)
	if typ != "" {
		if ctx := core.Ref(o).StartContext(); ctx != nil && canceled(ctx, err) {
			typ = ""
		}
	}
	o.EndWithError(typ, err, attrs...)
}

// EndAs is End for callers that know the type of error: errorType becomes
// [semconv.ErrorTypeKey]; "": it has not failed.
func (o Op) EndAs(errorType string, attrs ...attribute.KeyValue) {
	o.EndWithError(errorType, nil, attrs...)
}

// EndWithError is EndAs with an error whose text is the description of the
// status, as [Op.End] has it.
func (o Op) EndWithError(errorType string, err error, attrs ...attribute.KeyValue) {
	if o.Valid() {
		e := core.End{ErrorType: errorType, Err: err}
		if len(attrs) > 0 {
			e.Attrs = slices.Clone(attrs)
		}
		core.Ref(o).End(&e)
	}
}

// Context returns the context that carries the operation's span, or the one it
// was started with as long as it has none; context.Background for the zero Op and one
// that has ended.
func (o Op) Context() context.Context {
	if ctx := core.Ref(o).Context(); ctx != nil {
		return ctx
	}
	return context.Background()
}

// SpanContext returns the span context of the operation, for a link. It is
// invalid for the zero Op, as long as the operation has no span, and when it has
// ended.
func (o Op) SpanContext() oteltrace.SpanContext { return core.Ref(o).SpanContext() }

// Task returns the goroutine that the operation was started in; nil if that is not a Task,
// or the operation has ended.
func (o Op) Task() *Task {
	t, _ := core.Ref(o).Owner().(*owner)
	return (*Task)(t)
}

// giveUp ends an operation whose wait ctx has ended, and returns the cause.
func (o Op) giveUp(ctx context.Context, details ...Detail) error {
	err := context.Cause(ctx)
	o.Wake(semconv.WakeCanceled, details...)
	o.End(err)
	return err
}

// origin returns the span that a wake links to if its cause was called with ctx: that of
// an operation, or else of a goroutine, or any other. It is invalid if the span is not
// recorded: nobody could follow the link.
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

// goroutineOf returns the span of ctx's goroutine; invalid: it is not recorded.
func goroutineOf(ctx context.Context) oteltrace.SpanContext {
	if ctx != nil {
		if t := scopeOf(ctx).task; t != nil {
			return t.span
		}
	}
	return oteltrace.SpanContext{}
}

// look returns the last time and the last cause among details; zero: none.
func look(details []Detail) (at time.Time, by oteltrace.SpanContext) {
	for i := range details {
		if t := &details[i].at; !t.IsZero() {
			at = *t
		}
		if sc := &details[i].cause; sc.IsValid() {
			by = *sc
		}
	}
	return at, by
}

// gather returns the evidence among details. It copies nothing if all is in one.
func gather(details []Detail) (attrs []attribute.KeyValue) {
	for i := range details {
		switch more := slices.Clip(details[i].attrs); {
		case len(more) == 0:
		case len(attrs) == 0:
			attrs = more
		default:
			attrs = append(attrs, more...)
		}
	}
	return attrs
}
