package trace

import (
	"context"

	"golang.org/x/sync/semaphore"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Semaphore is semaphore.Weighted of golang.org/x/sync: a limit on the weight that
// goroutines hold together. Waiters get it in the order of their calls, so that light ones
// do not starve a heavy one.
//
// A blocked Acquire is an operation, [semconv.SpanWait] with [semconv.ReasonSemaphore],
// whose wake links to the operation that released. All methods are safe for concurrent
// use; a Semaphore must not be copied. The zero Semaphore has the size 0: Acquire waits
// until its context ends.
type Semaphore struct {
	size int64
	core sema
}

// NewSemaphore returns a Semaphore that limits the weight to size.
func NewSemaphore(size int64, opts ...PrimitiveOption) *Semaphore {
	return &Semaphore{size: size, core: newSema(opts)}
}

// Acquire takes the weight n, and waits for it. If ctx ends, or has ended before, it takes
// nothing and returns context.Cause(ctx). It panics if n is negative.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !emitsAll(ctx) && s.TryAcquire(ctx, n) {
		return nil
	}
	err := s.core.acquire(ctx, ctx.Done(), n, s.size, semconv.SpanWait, semconv.ReasonSemaphore, semconv.WakeReleased)
	if err == nil && ctx.Err() != nil {
		s.Release(ctx, n)
		err = context.Cause(ctx)
	}
	return err
}

// TryAcquire takes the weight n if that needs no waiting, and reports whether
// it did. It panics if n is negative.
func (s *Semaphore) TryAcquire(ctx context.Context, n int64) bool {
	if n < 0 {
		semaphore.NewWeighted(0).Release(n) // panics as the bare one does
	}
	return s.core.try(ctx, n, s.size)
}

// Release gives the weight n back. Waiters that it wakes link to the span in ctx. It
// panics if n is negative or more than is held.
func (s *Semaphore) Release(ctx context.Context, n int64) {
	if n < 0 || !s.core.release(causer{ctx}, n, s.size) {
		semaphore.NewWeighted(0).Release(n) // panics as the bare one does
	}
}

// sema is the state of a Semaphore, of a Mutex (size and weights are 1) or of an RWMutex (a
// writer has all the weight, a reader 1). Its methods take the size, so that the zero Mutex
// and RWMutex work.
type sema struct {
	queue
	held int64
	size int64 // for package live; set when a goroutine waits
}

func newSema(opts []PrimitiveOption) sema { return sema{queue: queue{name: newNamed(opts)}} }

// try takes the weight if it is free and no goroutine waits.
func (s *sema) try(ctx context.Context, n, size int64) bool {
	s.mu.Lock()
	free := s.free(n, size)
	if free {
		s.take(ctx, n)
	}
	s.mu.Unlock()
	return free
}

func (s *sema) free(n, size int64) bool { return n <= size-s.held && s.waiters.Len() == 0 }

func (s *sema) take(ctx context.Context, n int64) {
	s.holder = nobody
	if s.held == 0 {
		s.holder = causer{ctx}
	}
	s.held += n
}

// acquire takes the weight, and waits for it, as an operation of the given name. It gives up
// when done, which is ctx.Done() or nil, is closed.
func (s *sema) acquire(ctx context.Context, done <-chan struct{}, n, size int64, name string, r semconv.Reason, woken semconv.WakeReason) error {
	own, op := startOn(ctx, name, s.name)
	op.lock(&s.mu)
	if s.free(n, size) {
		s.take(own, n)
		s.mu.Unlock()
		op.End(nil)
		return nil
	}
	s.size = size
	if n > size { // it can only give up, and must not block those behind it
		s.mu.Unlock()
		op.waitsFor(s)
		op.Block(r)
		<-done
		return op.giveUp(ctx)
	}
	e := s.push(own, n)
	s.mu.Unlock()
	err := s.park(ctx, done, op, e, s, r, woken)
	if err != nil { // others behind it may need less
		s.mu.Lock()
		s.serve(nobody, size)
		s.mu.Unlock()
	}
	return err
}

// release gives the weight back, and reports whether so much was held. The wakes link to
// by or, if that is nobody, to the holder.
func (s *sema) release(by causer, n, size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.give(by, n, size)
}

func (s *sema) give(by causer, n, size int64) bool {
	if n > s.held {
		return false
	}
	if by.ctx == nil {
		by = s.holder
	}
	if s.held -= n; s.held == 0 {
		s.holder = nobody
	}
	s.serve(by, size)
	return true
}

// serve grants free weight to the waiters in their order.
func (s *sema) serve(by causer, size int64) {
	for e := s.waiters.Front(); e != nil; e = s.waiters.Front() {
		w := e.Value.(*waiter)
		if w.n > size-s.held {
			return
		}
		s.take(w.ctx, w.n)
		s.grant(e, by)
	}
}
