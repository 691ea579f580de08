package trace

import (
	"context"
	"sync"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Locker is a lock whose waits show: [Mutex], [RWMutex] and [RWMutex.RLocker].
type Locker interface {
	Lock(ctx context.Context)
	LockContext(ctx context.Context) error
	Unlock()
}

var (
	_ Locker = (*Mutex)(nil)
	_ Locker = (*RWMutex)(nil)
)

// Mutex is sync.Mutex with a wait that shows, and that can end with a context. The
// zero Mutex is unlocked. It must not be copied; its methods are safe for
// concurrent use.
//
// A blocked Lock is an operation, [semconv.SpanLock], whose wake links to the holder
// that unlocked: its own Lock if that had to wait, or else the span in the
// context that it locked with. The lock goes to the one that has waited longest.
// (sync.Mutex lets newcomers barge in for a millisecond: more throughput where a
// lock is fought over, less fairness.)
type Mutex struct{ core sema }

// NewMutex returns a Mutex with options. One without is the zero Mutex.
func NewMutex(opts ...PrimitiveOption) *Mutex { return &Mutex{core: newSema(opts)} }

// SetName names m as [WithName] does. It is for a Mutex that is a part of something else,
// and that nobody uses yet.
func (m *Mutex) SetName(name string, opts ...PrimitiveOption) { m.core.SetName(name, opts...) }

// Lock locks m, and waits until it can, whether ctx ends or not: ctx says whose wait it
// is. It cannot fail, as sync.Mutex.Lock cannot.
//
// Where it does not wait it emits nothing, and costs some ten nanoseconds more
// than sync.Mutex.Lock.
func (m *Mutex) Lock(ctx context.Context) {
	if emitsAll(ctx) || !m.TryLock(ctx) {
		_ = m.core.lock(ctx, nil, 1, 1)
	}
}

// LockContext is Lock that gives up when ctx ends: then it returns context.Cause(ctx),
// and m is not locked. It returns nil when m is locked, be ctx alive or not.
func (m *Mutex) LockContext(ctx context.Context) error {
	if !emitsAll(ctx) && m.TryLock(ctx) {
		return nil
	}
	return m.core.lock(ctx, ctx.Done(), 1, 1)
}

// lock waits for a lock; a holder has the weight n.
func (s *sema) lock(ctx context.Context, done <-chan struct{}, n, size int64) error {
	return s.acquire(ctx, done, n, size, semconv.SpanLock, semconv.ReasonLock, semconv.WakeUnlocked)
}

// TryLock locks m if that needs no waiting, and reports whether it did. It is
// no operation. Who waits for m meanwhile is woken by the span in ctx.
func (m *Mutex) TryLock(ctx context.Context) bool { return m.core.try(ctx, 1, 1) }

// Unlock unlocks m. It may be called by another goroutine than Lock was; waiters link
// to the goroutine that locked all the same. If m is not locked, the program crashes,
// as with a sync.Mutex.
func (m *Mutex) Unlock() {
	if !m.core.release(nobody, 1, 1) {
		new(sync.Mutex).Unlock() // crashes as the bare one does
	}
}

// RWMutex is sync.RWMutex with visible waits that can end with a context. All that
// [Mutex] says is true of it. Readers and writers are served in the order of arrival,
// so that a waiting writer keeps new readers out.
//
// A writer that waits for several readers links to none of them: which was the last is
// not known. The zero RWMutex is unlocked.
type RWMutex struct{ core sema }

// NewRWMutex returns an RWMutex with options. One without is the zero RWMutex.
func NewRWMutex(opts ...PrimitiveOption) *RWMutex { return &RWMutex{core: newSema(opts)} }

// SetName names rw, like [Mutex.SetName].
func (rw *RWMutex) SetName(name string, opts ...PrimitiveOption) { rw.core.SetName(name, opts...) }

// A writer has all the weight of an RWMutex. sync.RWMutex has room for as many
// readers.
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

// Unlock unlocks rw for writing. Where it is not locked so, the program crashes
// as it does with a sync.RWMutex.
func (rw *RWMutex) Unlock() {
	if !rw.core.release(nobody, writer, writer) {
		new(sync.RWMutex).Unlock() // crashes as the bare one does
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

// RUnlock undoes one RLock. Where rw is not locked for reading, the program
// crashes as it does with a sync.RWMutex.
func (rw *RWMutex) RUnlock() {
	if !rw.core.releaseRead() {
		new(sync.RWMutex).RUnlock() // crashes as the bare one does
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
