package trace

import (
	"context"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Future is a value that becomes known later. It is pending until it is resolved with a
// value or rejected with an error, once. The zero Future is pending; it must not be
// copied, and its methods are safe for concurrent use.
//
// A blocked Await is an operation, [semconv.SpanAwait], whose wake links to the operation
// that resolved or rejected.
type Future[T any] struct {
	queue
	done  bool
	value T
	err   error
	calls []func()
}

// NewFuture returns a Future with options. One without is the zero Future.
func NewFuture[T any](opts ...PrimitiveOption) *Future[T] {
	return &Future[T]{queue: queue{name: newNamed(opts)}}
}

// Resolve gives the future its value, and reports whether it was pending: only the
// first Resolve or Reject counts. Goroutines that it wakes link to the span in ctx.
func (f *Future[T]) Resolve(ctx context.Context, value T) bool { return f.settle(ctx, value, nil) }

// Reject gives the future its error, and reports whether it was pending. Await then
// returns err, which should not be nil. Goroutines that it wakes link to the span in
// ctx. To cancel a future, reject it with context.Canceled.
func (f *Future[T]) Reject(ctx context.Context, err error) bool {
	var none T
	return f.settle(ctx, none, err)
}

func (f *Future[T]) settle(ctx context.Context, value T, err error) bool {
	f.mu.Lock()
	if f.done {
		f.mu.Unlock()
		return false
	}
	f.done, f.value, f.err = true, value, err
	f.grantAll(causer{ctx})
	calls := f.calls
	f.calls = nil
	f.mu.Unlock()
	for _, call := range calls {
		call()
	}
	return true
}

// Await waits for the future, and returns its value or its error. When ctx ends
// before, it returns context.Cause(ctx); the future stays pending.
func (f *Future[T]) Await(ctx context.Context) (T, error) {
	if !emitsAll(ctx) && f.Settled() {
		return f.value, f.err
	}
	var none T
	own, op := startOn(ctx, semconv.SpanAwait, f.name)
	op.lock(&f.mu)
	if f.done {
		f.mu.Unlock()
		op.End(nil)
		return f.value, f.err
	}
	e := f.push(own, 1)
	f.mu.Unlock()
	if err := f.park(ctx, ctx.Done(), op, e, (*queueWait)(&f.queue), semconv.ReasonFuture, semconv.WakeResolved); err != nil {
		return none, err
	}
	return f.value, f.err // written before it was granted, and never again
}

// Settled reports whether the future is no longer pending.
func (f *Future[T]) Settled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.done
}

// Then runs fn with the value or the error, in a goroutine of its own, as soon as the
// future has one. The goroutine's span, a child of the one in ctx, begins then. It runs fn
// even if ctx has ended.
func (f *Future[T]) Then(ctx context.Context, name string, fn func(ctx context.Context, value T, err error) error, opts ...GoOption) {
	call := func() {
		Go(ctx, name, func(ctx context.Context) error { return fn(ctx, f.value, f.err) }, opts...)
	}
	f.mu.Lock()
	pending := !f.done
	if pending {
		f.calls = append(f.calls, call)
	}
	f.mu.Unlock()
	if !pending {
		call()
	}
}
