package trace

import (
	"context"
	"sync/atomic"
)

// Once is sync.Once with a wait that ends with a context, and that shows. The
// zero Once is ready; it must not be copied, and is safe for concurrent use.
type Once struct {
	done atomic.Bool
	m    Mutex
}

// SetName names o, like [Mutex.SetName].
func (o *Once) SetName(name string, opts ...PrimitiveOption) { o.m.SetName(name, opts...) }

// Do calls f if it is the first call of Do, and else waits until that call has
// returned, which is an operation as for [Mutex.Lock]: its wake links to who
// calls f. When ctx ends before it returns context.Cause(ctx); the call of f,
// elsewhere, goes on. As with sync.Once, f is done even if it panics.
func (o *Once) Do(ctx context.Context, f func()) error {
	if o.done.Load() {
		return nil
	}
	if err := o.m.Lock(ctx); err != nil {
		return err
	}
	defer o.m.Unlock()
	if !o.done.Load() {
		defer o.done.Store(true)
		f()
	}
	return nil
}
