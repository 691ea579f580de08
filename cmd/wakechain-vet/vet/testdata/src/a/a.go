package a

import (
	"context"
	"sync"

	"github.com/wakechain/wakechain/trace"
)

func ignored(ctx context.Context) error {
	var m trace.Mutex
	m.LockContext(ctx)       // want `the error of LockContext is ignored: the lock may not be held`
	_ = m.LockContext(ctx)   // want `the error of LockContext is ignored`
	defer m.LockContext(ctx) // want `the error of LockContext is ignored`
	var wg trace.WaitGroup
	_ = wg.WaitContext(ctx) // want `the error of WaitContext is ignored: what it waits for may not have come`
	var g trace.Group
	_ = g.WaitContext(ctx) // want `the error of WaitContext is ignored`
	var s trace.Semaphore
	s.Acquire(ctx, 1) // want `the error of Acquire is ignored: the semaphore may not be held`
	var c trace.Chan[int]
	c.Send(ctx, 1)                     // want `the error of Send is ignored: the value may not have been sent`
	trace.Send(ctx, make(chan int), 1) // want `the error of Send is ignored`
	if err := m.LockContext(ctx); err != nil {
		return err
	}
	m.Lock(ctx)
	return s.Acquire(ctx, 1)
}

type server struct {
	mu   sync.Mutex
	rw   sync.RWMutex
	jobs chan int
}

func (s *server) start(ctx context.Context) {
	trace.Go(ctx, "run", s.run)
	trace.Go(ctx, "literal", func(ctx context.Context) error {
		<-s.jobs // want `a receive from a plain channel waits unseen`
		<-ctx.Done()
		return nil
	})
	s.mu.Lock() // it is not known to be traced
	defer s.mu.Unlock()
	go s.untraced()
}

func (s *server) run(ctx context.Context) error {
	s.mu.Lock() // want `sync.Mutex.Lock waits unseen: use trace.Mutex`
	s.mu.Unlock()
	s.rw.RLock()      // want `sync.RWMutex.RLock waits unseen: use trace.RWMutex`
	go s.untraced()   // want `the goroutine of a bare go statement is in no trace: use trace.Go`
	go work(ctx, "a") // want `the goroutine of a bare go statement`
	go func() {       // want `the goroutine of a bare go statement`
		<-s.jobs
	}()
	go func(n int) { s.jobs <- n }(1) // want `the goroutine of a bare go statement`
	s.jobs <- 1                       // want `a send on a plain channel waits unseen`
	func() {
		s.jobs <- 2 // want `a send on a plain channel waits unseen`
	}()
	select { // want `a select over plain channels waits unseen: use trace.Select`
	case <-ctx.Done():
	case n := <-s.jobs:
		_ = n
	}
	select {
	case <-s.jobs:
	default:
	}
	select {
	case <-ctx.Done():
	}
	for range s.jobs { // want `a range over a plain channel waits unseen`
	}
	s.untraced()
	return s.step(ctx)
}

// step is called by run.
func (s *server) step(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Wait() // want `sync.WaitGroup.Wait waits unseen: use trace.WaitGroup`
	return nil
}

// untraced has no context.
func (s *server) untraced() { s.mu.Lock() }

func work(ctx context.Context, name string) error { return nil }
