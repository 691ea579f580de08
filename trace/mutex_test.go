package trace_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// hold locks l for d.
func hold(l trace.Locker, d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := l.LockContext(ctx); err != nil {
			return err
		}
		time.Sleep(d)
		l.Unlock()
		return nil
	}
}

func TestMutex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var m trace.Mutex
		go1(ctx, "a", 0, hold(&m, 10*ms))
		go1(ctx, "b", ms, hold(&m, 10*ms))
		go1(ctx, "c", 2*ms, hold(&m, 10*ms))
		go1(ctx, "gives_up", 3*ms, func(ctx context.Context) error {
			if err := m.LockContext(caused(ctx, ms, errEnough)); err != errEnough {
				t.Errorf("got %v, want %v", err, errEnough)
			}
			return nil
		})
		time.Sleep(time.Second)
		tracetest.AssertTree(t, rec.Chain(), `
			a @0s 10ms {goroutine.state=finished}
			b @0s 20ms {goroutine.state=finished}
				lock @1ms 9ms
					block @1ms 9ms {block.reason=lock}
					wake @10ms 0s {wake.reason=unlocked} -> a
			c @0s 30ms {goroutine.state=finished}
				lock @2ms 18ms
					block @2ms 18ms {block.reason=lock}
					wake @20ms 0s {wake.reason=unlocked} -> lock
			gives_up @0s 4ms {goroutine.state=finished}
				lock @3ms 1ms
					block @3ms 1ms {block.reason=lock}
					wake @4ms 0s {wake.reason=canceled}
		`, shape...)
	})
}

func TestMutexAllOps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		var m trace.Mutex
		_ = m.LockContext(ctx)
		go hold(&m, 0)(ctx)
		time.Sleep(ms)
		m.Unlock()
		synctest.Wait()
		tracetest.AssertTree(t, rec.Chain(), `
			lock @0s 0s
			lock @0s 1ms
				block @0s 1ms {block.reason=lock}
				wake @1ms 0s {wake.reason=unlocked} -> lock
		`, shape...)
	})
}

// A lock that is granted while the context ends is held.
func TestMutexGrantedWhenCanceled(t *testing.T) {
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		var m trace.Mutex
		_ = m.LockContext(ctx)
		got := make(chan error)
		go func() { got <- m.LockContext(ctx) }()
		go cancel()
		m.Unlock()
		if err := <-got; (err == nil) == m.TryLock(t.Context()) {
			t.Fatalf("Lock: got %v, and TryLock the opposite of what follows", err)
		}
	}
}

func TestRWMutex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var rw trace.RWMutex
		go1(ctx, "reader", 0, hold(rw.RLocker(), 10*ms))
		go1(ctx, "writer", ms, hold(&rw, 10*ms))
		go1(ctx, "late_a", 2*ms, hold(rw.RLocker(), 10*ms)) // behind the writer
		go1(ctx, "late_b", 3*ms, hold(rw.RLocker(), 20*ms)) // with the other
		go1(ctx, "last", 4*ms, hold(&rw, ms))               // woken by one of two
		time.Sleep(time.Second)
		tracetest.AssertTree(t, rec.Chain(), `
			reader @0s 10ms {goroutine.state=finished}
			writer @0s 20ms {goroutine.state=finished}
				lock @1ms 9ms
					block @1ms 9ms {block.reason=lock}
					wake @10ms 0s {wake.reason=unlocked} -> reader
			late_a @0s 30ms {goroutine.state=finished}
				lock @2ms 18ms
					block @2ms 18ms {block.reason=lock}
					wake @20ms 0s {wake.reason=unlocked} -> lock
			late_b @0s 40ms {goroutine.state=finished}
				lock @3ms 17ms
					block @3ms 17ms {block.reason=lock}
					wake @20ms 0s {wake.reason=unlocked} -> lock
			last @0s 41ms {goroutine.state=finished}
				lock @4ms 36ms
					block @4ms 36ms {block.reason=lock}
					wake @40ms 0s {wake.reason=unlocked}
		`, shape...)
	})
}

// What can be locked at a time is the same as with the bare ones.
func TestMutexSame(t *testing.T) {
	ctx := t.Context()
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		var (
			m      trace.Mutex
			bare   sync.Mutex
			rw     trace.RWMutex
			bareRW sync.RWMutex
		)
		locked, writers, readers := 0, 0, 0
		for i := range 200 {
			got, want := false, false
			switch n := r.IntN(6); {
			case n == 0:
				got, want = m.TryLock(ctx), bare.TryLock()
				locked += btoi(want)
			case n == 1 && locked > 0:
				m.Unlock()
				bare.Unlock()
				locked--
			case n == 2:
				got, want = rw.TryLock(ctx), bareRW.TryLock()
				writers += btoi(want)
			case n == 3 && writers > 0:
				rw.Unlock()
				bareRW.Unlock()
				writers--
			case n == 4:
				got, want = rw.TryRLock(ctx), bareRW.TryRLock()
				readers += btoi(want)
			case n == 5 && readers > 0:
				rw.RUnlock()
				bareRW.RUnlock()
				readers--
			}
			if got != want {
				t.Fatalf("seed %d, step %d: got %v, want %v", seed, i, got, want)
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A writer excludes all others, and nobody waits forever: the same work with the bare lock and
// with that of this package.
func TestMutexConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	var (
		m      trace.Mutex
		rw     trace.RWMutex
		bare   sync.Mutex
		bareRW sync.RWMutex
	)
	for name, l := range map[string]struct {
		lock, rlock     func() error
		unlock, runlock func()
	}{
		"sync.Mutex":   {locked(bare.Lock), locked(bare.Lock), bare.Unlock, bare.Unlock},
		"Mutex":        {func() error { return m.LockContext(ctx) }, func() error { return m.LockContext(ctx) }, m.Unlock, m.Unlock},
		"sync.RWMutex": {locked(bareRW.Lock), locked(bareRW.RLock), bareRW.Unlock, bareRW.RUnlock},
		"RWMutex":      {func() error { return rw.LockContext(ctx) }, func() error { return rw.RLockContext(ctx) }, rw.Unlock, rw.RUnlock},
	} {
		count, read := 0, 0
		var wg sync.WaitGroup
		var mu sync.Mutex
		for g := range 4 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(g), 0))
				for range 200 {
					if r.IntN(2) == 0 {
						if err := l.lock(); err != nil {
							t.Error(err)
						}
						count++ // the race detector looks at this
						l.unlock()
						continue
					}
					if err := l.rlock(); err != nil {
						t.Error(err)
					}
					n := count
					l.runlock()
					mu.Lock()
					read = max(read, n)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if count < read || count == 0 {
			t.Errorf("%s: counted to %d, read %d", name, count, read)
		}
	}
}

func locked(lock func()) func() error { return func() error { lock(); return nil } }

// A program that unlocks an unlocked lock crashes as with the bare ones.
func TestUnlockUnlocked(t *testing.T) {
	crashes := map[string][2]func(){
		"Mutex":              {new(sync.Mutex).Unlock, new(trace.Mutex).Unlock},
		"RWMutex":            {new(sync.RWMutex).Unlock, new(trace.RWMutex).Unlock},
		"RWMutex of readers": {new(sync.RWMutex).RUnlock, new(trace.RWMutex).RUnlock},
		"RWMutex of a writer": {
			func() { var rw sync.RWMutex; rw.Lock(); rw.RUnlock() },
			func() { var rw trace.RWMutex; _ = rw.LockContext(context.Background()); rw.RUnlock() },
		},
		"RWMutex of a reader": {
			func() { var rw sync.RWMutex; rw.RLock(); rw.Unlock() },
			func() { var rw trace.RWMutex; _ = rw.RLockContext(context.Background()); rw.Unlock() },
		},
	}
	if which := os.Getenv("WAKECHAIN_TEST_UNLOCK"); which != "" {
		name, i, _ := strings.Cut(which, "/")
		crashes[name][btoi(i == "1")]()
		return
	}
	for name := range crashes {
		var text [2]string
		for i := range text {
			cmd := exec.Command(os.Args[0], "-test.run=^TestUnlockUnlocked$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("WAKECHAIN_TEST_UNLOCK=%s/%d", name, i))
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("%s %d: does not crash", name, i)
			}
			text[i], _, _ = strings.Cut(string(out), "\n")
		}
		if text[0] != text[1] || !strings.HasPrefix(text[0], "fatal error: sync: ") {
			t.Errorf("%s: crashes with %q, want %q", name, text[1], text[0])
		}
	}
}

func TestMutexAllocs(t *testing.T) {
	var m trace.Mutex
	var rw trace.RWMutex
	wantAllocs(t, 0, func(ctx context.Context) {
		_ = m.LockContext(ctx)
		m.Unlock()
		_ = rw.LockContext(ctx)
		rw.Unlock()
		_ = rw.RLockContext(ctx)
		rw.RUnlock()
	})
}
