package trace

import (
	"context"
	"sync/atomic"
)

// Once is sync.Once with a wait that is recorded, and that a context can end. The zero
// Once is ready; it must not be copied, and is safe for concurrent use.
type Once struct {
	done atomic.Bool
	m    Mutex
}

// SetName names o, like [Mutex.SetName].
func (o *Once) SetName(name string, opts ...PrimitiveOption) { o.m.SetName(name, opts...) }

// Do calls f if it is the first call of Do, and else waits until that call has
// returned, which is an operation as for [Mutex.Lock]: its wake links to whoever
// called f. It waits whether ctx ends or not. As with sync.Once, f is done even if it
// panics.
func (o *Once) Do(ctx context.Context, f func()) {
	if o.done.Load() {
		return
	}
	o.m.Lock(ctx)
	o.run(f)
}

// DoContext is Do that gives up waiting for another goroutine's call when ctx ends: then it
// returns context.Cause(ctx), and that call continues.
func (o *Once) DoContext(ctx context.Context, f func()) error {
	if o.done.Load() {
		return nil
	}
	if err := o.m.LockContext(ctx); err != nil {
		return err
	}
	o.run(f)
	return nil
}

// run calls f unless it has been called, and unlocks.
func (o *Once) run(f func()) {
	defer o.m.Unlock()
	if !o.done.Load() {
		defer o.done.Store(true)
		f()
	}
}
