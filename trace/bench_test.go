package trace_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/semaphore"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
)

// Each primitive is measured four times: bare; off, without recording; uncontended, with
// recording but without waits; and contended, where each wait is recorded, and the SDK
// drops its spans.

// contexts are the contexts of the last three.
func contexts() (off, sampled context.Context) {
	sampled = trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider())).NewContext(context.Background())
	sampled, _ = trace.Start(sampled, "op")
	return trace.New(trace.WithTracerProvider(noop.NewTracerProvider())).NewContext(context.Background()), sampled
}

// benchmark runs f, with nothing to wait for, bare and with both contexts.
func benchmark(b *testing.B, bare func(), f func(context.Context)) {
	off, sampled := contexts()
	b.Run("bare", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bare()
		}
	})
	b.Run("off", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f(off)
		}
	})
	b.Run("uncontended", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f(sampled)
		}
	})
}

// handOver runs f against another goroutine's g, which waits for it in turn until
// stop ends that: bare, off and recorded.
func handOver(b *testing.B, bare func() (f func(), g func() bool, stop func()),
	traced func(context.Context) (f func(), g func() bool, stop func()),
) {
	type maker = func() (f func(), g func() bool, stop func())
	off, sampled := contexts()
	for _, kind := range []struct {
		name string
		make maker
	}{
		{"bare-contended", bare},
		{"off-contended", func() (func(), func() bool, func()) { return traced(off) }},
		{"contended", func() (func(), func() bool, func()) { return traced(sampled) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			f, g, stop := kind.make()
			var wg sync.WaitGroup
			wg.Go(func() {
				for g() {
				}
			})
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			stop()
			wg.Wait()
		})
	}
}

// contend runs f on several goroutines at once. To cause contention, f lets another one run
// while it holds the lock.
func contend(b *testing.B, bare func() func(), traced func(context.Context) func()) {
	off, sampled := contexts()
	for _, kind := range []struct {
		name string
		make func() func()
	}{
		{"bare-contended", bare},
		{"off-contended", func() func() { return traced(off) }},
		{"contended", func() func() { return traced(sampled) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			f := kind.make()
			b.ReportAllocs()
			b.SetParallelism(4)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					f()
				}
			})
		})
	}
}

func BenchmarkChan(b *testing.B) {
	bare, c := make(chan int, 1), trace.NewChan[int](1)
	benchmark(b, func() { bare <- 1; <-bare }, func(ctx context.Context) {
		_ = c.Send(ctx, 1)
		_, _ = c.Recv(ctx)
	})
	plain := make(chan int, 1)
	b.Run("plain", func(b *testing.B) {
		_, ctx := contexts()
		b.ReportAllocs()
		for b.Loop() {
			_ = trace.Send(ctx, plain, 1)
			_, _ = trace.Recv(ctx, plain)
		}
	})
	handOver(b, func() (f func(), g func() bool, stop func()) {
		ch := make(chan int)
		return func() { ch <- 1 }, func() bool { _, ok := <-ch; return ok }, func() { close(ch) }
	}, func(ctx context.Context) (f func(), g func() bool, stop func()) {
		c := trace.NewChan[int](0)
		return func() { _ = c.Send(ctx, 1) }, func() bool { _, err := c.Recv(ctx); return err == nil }, func() { c.Close(ctx) }
	})
}

func BenchmarkSelect(b *testing.B) {
	x, y, c := make(chan int, 1), make(chan int), trace.NewChan[int](1)
	benchmark(b, func() {
		for range 2 {
			select {
			case x <- 1:
			case <-x:
			case <-y:
			}
		}
	}, func(ctx context.Context) {
		for range 2 {
			_, _ = trace.Select(ctx, c.CaseSend(1), c.CaseRecv(nil, nil), trace.CaseRecv(y, nil, nil))
		}
	})
	handOver(b, func() (f func(), g func() bool, stop func()) {
		ch, never := make(chan int), make(chan int)
		return func() {
				select {
				case ch <- 1:
				case <-never:
				}
			}, func() (ok bool) {
				select {
				case _, ok = <-ch:
				case <-never:
				}
				return ok
			}, func() { close(ch) }
	}, func(ctx context.Context) (f func(), g func() bool, stop func()) {
		c, never := trace.NewChan[int](0), make(chan int)
		return func() { _, _ = trace.Select(ctx, c.CaseSend(1), trace.CaseRecv(never, nil, nil)) },
			func() (ok bool) {
				_, _ = trace.Select(ctx, c.CaseRecv(nil, &ok), trace.CaseRecv(never, nil, nil))
				return ok
			}, func() { c.Close(ctx) }
	})
}

func BenchmarkMutex(b *testing.B) {
	var bare sync.Mutex
	var m trace.Mutex
	benchmark(b, func() { bare.Lock(); bare.Unlock() }, func(ctx context.Context) { //nolint:staticcheck // nothing to guard
		m.Lock(ctx)
		m.Unlock()
	})
	contend(b, func() func() {
		var mu sync.Mutex
		return func() { mu.Lock(); runtime.Gosched(); mu.Unlock() }
	}, func(ctx context.Context) func() {
		var m trace.Mutex
		return func() { m.Lock(ctx); runtime.Gosched(); m.Unlock() }
	})
}

func BenchmarkRWMutex(b *testing.B) {
	var bare sync.RWMutex
	var rw trace.RWMutex
	benchmark(b, func() { bare.RLock(); bare.RUnlock() }, func(ctx context.Context) { //nolint:staticcheck // nothing to guard
		rw.RLock(ctx)
		rw.RUnlock()
	})
	contend(b, func() func() {
		var rw sync.RWMutex
		return func() { rw.Lock(); runtime.Gosched(); rw.Unlock() }
	}, func(ctx context.Context) func() {
		var rw trace.RWMutex
		return func() { rw.Lock(ctx); runtime.Gosched(); rw.Unlock() }
	})
}

func BenchmarkSemaphore(b *testing.B) {
	bare, s := semaphore.NewWeighted(1), trace.NewSemaphore(1)
	benchmark(b, func() { _ = bare.Acquire(context.Background(), 1); bare.Release(1) }, func(ctx context.Context) {
		_ = s.Acquire(ctx, 1)
		s.Release(ctx, 1)
	})
	contend(b, func() func() {
		s := semaphore.NewWeighted(1)
		return func() { _ = s.Acquire(context.Background(), 1); runtime.Gosched(); s.Release(1) }
	}, func(ctx context.Context) func() {
		s := trace.NewSemaphore(1)
		return func() { _ = s.Acquire(ctx, 1); runtime.Gosched(); s.Release(ctx, 1) }
	})
}

func BenchmarkWaitGroup(b *testing.B) {
	var bare sync.WaitGroup
	var wg trace.WaitGroup
	benchmark(b, func() { bare.Add(1); bare.Done(); bare.Wait() }, func(ctx context.Context) {
		wg.Add(1)
		wg.Done(ctx)
		_ = wg.WaitContext(ctx)
	})
	off, sampled := contexts()
	for name, ctx := range map[string]context.Context{"off-contended": off, "contended": sampled} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				wg.Add(1)
				go wg.Done(ctx)
				_ = wg.WaitContext(ctx)
			}
		})
	}
	b.Run("bare-contended", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bare.Add(1)
			go bare.Done()
			bare.Wait()
		}
	})
}

func BenchmarkOnce(b *testing.B) {
	var bare sync.Once
	var o trace.Once
	benchmark(b, func() { bare.Do(func() {}) }, func(ctx context.Context) { _ = o.DoContext(ctx, func() {}) })
}

func BenchmarkFuture(b *testing.B) {
	bare := make(chan struct{})
	close(bare)
	var f trace.Future[int]
	f.Resolve(context.Background(), 1)
	benchmark(b, func() { <-bare }, func(ctx context.Context) { _, _ = f.Await(ctx) })
	off, sampled := contexts()
	for name, ctx := range map[string]context.Context{"off-contended": off, "contended": sampled} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var f trace.Future[int]
				go f.Resolve(ctx, 1)
				_, _ = f.Await(ctx)
			}
		})
	}
	b.Run("bare-contended", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			done, v := make(chan struct{}), 0
			go func() { v = 1; close(done) }()
			<-done
			_ = v
		}
	})
}

func BenchmarkGo(b *testing.B) {
	fn := func(context.Context) error { return nil }
	benchmark(b, func() {
		done := make(chan struct{})
		go func() { _ = fn(context.Background()); close(done) }()
		<-done
	}, func(ctx context.Context) { <-trace.Go(ctx, "g", fn).Done() })
}

func BenchmarkHandle(b *testing.B) {
	fn := func(context.Context) error { return nil }
	benchmark(b, func() { _ = fn(context.Background()) }, func(ctx context.Context) { _ = trace.Handle(ctx, "g", fn) })
}

func BenchmarkSleep(b *testing.B) {
	benchmark(b, func() {}, func(ctx context.Context) { _ = trace.Sleep(ctx, 0) })
}

// A select with a default where nothing is ready, in both of its forms.
func BenchmarkDefault(b *testing.B) {
	bare, c := make(chan int, 1), trace.NewChan[int](1)
	benchmark(b, func() {
		select {
		case <-bare:
		default:
		}
	}, func(ctx context.Context) {
		_, _ = trace.Select(ctx, c.CaseRecv(nil, nil), trace.CaseDefault())
	})
	b.Run("try", func(b *testing.B) {
		_, ctx := contexts()
		b.ReportAllocs()
		for b.Loop() {
			_, _, _ = c.TryRecv(ctx)
		}
	})
}
