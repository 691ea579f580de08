package trace

import (
	"context"
	"sync"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Locker is a lock whose waits are recorded: [Mutex], [RWMutex] and [RWMutex.RLocker].
type Locker interface {
	Lock(ctx context.Context)
	LockContext(ctx context.Context) error
	Unlock()
}

var (
	_ Locker = (*Mutex)(nil)
	_ Locker = (*RWMutex)(nil)
)

// Mutex is sync.Mutex with a wait that is recorded, and that a context can end. The zero
// Mutex is unlocked. It must not be copied; its methods are safe for concurrent use.
//
// A blocked Lock is an operation, [semconv.SpanLock]. Its wake links to the holder that
// unlocked: to its Lock if that had to wait, or else to the span in the context that it
// locked with. The goroutine that has waited longest gets the lock. (With sync.Mutex, new
// ones may overtake it for a millisecond, which is less fair and has more throughput.)
type Mutex struct{ core sema }

// NewMutex returns a Mutex with options. One without is the zero Mutex.
func NewMutex(opts ...PrimitiveOption) *Mutex { return &Mutex{core: newSema(opts)} }

// SetName names m as [WithName] does. It is for a Mutex that is a field, and must be called
// before any other use.
func (m *Mutex) SetName(name string, opts ...PrimitiveOption) { m.core.SetName(name, opts...) }

// Lock locks m, and waits until it can, whether ctx ends or not: ctx only tells whose wait
// it is. Like sync.Mutex.Lock, it cannot fail.
//
// If it does not wait it emits nothing, and costs some ten nanoseconds more than
// sync.Mutex.Lock.
func (m *Mutex) Lock(ctx context.Context) {
	if emitsAll(ctx) || !m.TryLock(ctx) {
		_ = m.core.lock(ctx, nil, 1, 1)
	}
}

// LockContext is Lock that gives up when ctx ends: then it returns context.Cause(ctx),
// and m is not locked. It returns nil when m is locked, even if ctx has ended.
func (m *Mutex) LockContext(ctx context.Context) error {
	if !emitsAll(ctx) && m.TryLock(ctx) {
		return nil
	}
	return m.core.lock(ctx, ctx.Done(), 1, 1)
}

// lock is acquire for a lock.
func (s *sema) lock(ctx context.Context, done <-chan struct{}, n, size int64) error {
	return s.acquire(ctx, done, n, size, semconv.SpanLock, semconv.ReasonLock, semconv.WakeUnlocked)
}

// TryLock locks m if that needs no waiting, and reports whether it did. It is no operation.
// The wake of a goroutine that waits for m afterwards links to the span in ctx.
func (m *Mutex) TryLock(ctx context.Context) bool { return m.core.try(ctx, 1, 1) }

// Unlock unlocks m. It may be called by another goroutine than Lock was; the wakes of
// waiters link to the goroutine that locked even then. If m is not locked, the program
// crashes, as with a sync.Mutex.
func (m *Mutex) Unlock() {
	if !m.core.release(nobody, 1, 1) {
		new(sync.Mutex).Unlock() // crashes
	}
}

// RWMutex is sync.RWMutex with waits that are recorded, and that a context can end.
// Everything in [Mutex]'s documentation holds for it. Readers and writers get the lock in
// the order of their calls, so that a waiting writer keeps new readers out.
//
// A writer that waits for several readers links to none of them: which was the last is
// not known. The zero RWMutex is unlocked.
type RWMutex struct{ core sema }

// NewRWMutex returns an RWMutex with options. One without is the zero RWMutex.
func NewRWMutex(opts ...PrimitiveOption) *RWMutex { return &RWMutex{core: newSema(opts)} }

// SetName names rw, like [Mutex.SetName].
func (rw *RWMutex) SetName(name string, opts ...PrimitiveOption) { rw.core.SetName(name, opts...) }

// writer is the weight of a writer, and all that of an RWMutex. sync.RWMutex has the same
// maximum number of readers.
const writer = 1 << 30

// Lock locks rw for writing, like [Mutex.Lock].
func (rw *RWMutex) Lock(ctx context.Context) {
	if emitsAll(ctx) || !rw.TryLock(ctx) {
		_ = rw.core.lock(ctx, nil, writer, writer)
	}
}

// LockContext locks rw for writing, like [Mutex.LockContext].
func (rw *RWMutex) LockContext(ctx context.Context) error {
	if !emitsAll(ctx) && rw.TryLock(ctx) {
		return nil
	}
	return rw.core.lock(ctx, ctx.Done(), writer, writer)
}

// TryLock locks rw for writing if that needs no waiting, and reports whether it
// did.
func (rw *RWMutex) TryLock(ctx context.Context) bool { return rw.core.try(ctx, writer, writer) }

// Unlock unlocks rw for writing. If it is not locked for writing, the program crashes, as
// with a sync.RWMutex.
func (rw *RWMutex) Unlock() {
	if !rw.core.release(nobody, writer, writer) {
		new(sync.RWMutex).Unlock() // crashes
	}
}

// RLock locks rw for reading, like [Mutex.Lock].
func (rw *RWMutex) RLock(ctx context.Context) {
	if emitsAll(ctx) || !rw.TryRLock(ctx) {
		_ = rw.core.lock(ctx, nil, 1, writer)
	}
}

// RLockContext locks rw for reading, like [Mutex.LockContext].
func (rw *RWMutex) RLockContext(ctx context.Context) error {
	if !emitsAll(ctx) && rw.TryRLock(ctx) {
		return nil
	}
	return rw.core.lock(ctx, ctx.Done(), 1, writer)
}

// TryRLock locks rw for reading if that needs no waiting, and reports whether it
// did.
func (rw *RWMutex) TryRLock(ctx context.Context) bool { return rw.core.try(ctx, 1, writer) }

// RUnlock undoes one RLock. If rw is not locked for reading, the program crashes, as with a
// sync.RWMutex.
func (rw *RWMutex) RUnlock() {
	if !rw.core.releaseRead() {
		new(sync.RWMutex).RUnlock() // crashes
	}
}

func (s *sema) releaseRead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held < writer && s.give(nobody, 1, writer)
}

// RLocker returns a Locker that locks and unlocks rw for reading.
func (rw *RWMutex) RLocker() Locker { return (*rlocker)(rw) }

type rlocker RWMutex

func (r *rlocker) Lock(ctx context.Context)              { (*RWMutex)(r).RLock(ctx) }
func (r *rlocker) LockContext(ctx context.Context) error { return (*RWMutex)(r).RLockContext(ctx) }
func (r *rlocker) Unlock()                               { (*RWMutex)(r).RUnlock() }
