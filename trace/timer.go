package trace

import (
	"context"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Sleep waits for d, or until ctx ends: then it returns context.Cause(ctx). It is an
// operation, [semconv.SpanSleep]. If d is not positive it is none, and returns nil
// immediately.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 && !emitsAll(ctx) {
		return nil
	}
	_, op := Start(ctx, semconv.SpanSleep)
	if d <= 0 {
		op.End(nil)
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	_, err := awaitTick(ctx, op, t.C)
	return err
}

func awaitTick(ctx context.Context, op Op, c <-chan time.Time) (at time.Time, err error) {
	op.Block(semconv.ReasonSleep)
	select {
	case at = <-c:
	case <-ctx.Done():
		return at, op.giveUp(ctx)
	}
	op.Wake(semconv.WakeTimer)
	op.End(nil)
	return at, nil
}

// AfterFunc is time.AfterFunc: after d it runs fn on a goroutine of its own, as [Handle]
// does, with a span NAME that begins when the timer fires. The returned timer can stop or
// reset it. It runs fn even if ctx has ended.
func AfterFunc(ctx context.Context, d time.Duration, name string, fn func(context.Context) error, opts ...GoOption) *time.Timer {
	return time.AfterFunc(d, func() { _ = handle(ctx, name, fn, opts, nil) })
}

// AfterDone is context.AfterFunc: when ctx has ended it runs fn on a goroutine of its own,
// as [Handle] does. The context of fn has ctx's values, but has not ended. stop prevents
// the run, and reports whether it was in time.
func AfterDone(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = handle(context.WithoutCancel(ctx), name, fn, opts, nil) })
}

// Tick runs fn at each tick of a time.Ticker of d (it panics unless d is positive, and
// drops ticks if fn is slow), until fn fails or ctx ends. It returns fn's error or
// context.Cause(ctx). It runs on the calling goroutine: each wait is an operation,
// [semconv.SpanSleep], and each call of fn has the spans of [Handle].
func Tick(ctx context.Context, d time.Duration, name string, fn func(context.Context) error, opts ...GoOption) error {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		_, op := Start(ctx, semconv.SpanSleep)
		if _, err := awaitTick(ctx, op, t.C); err != nil {
			return err
		}
		if err := Handle(ctx, name, fn, opts...); err != nil {
			return err
		}
	}
}
