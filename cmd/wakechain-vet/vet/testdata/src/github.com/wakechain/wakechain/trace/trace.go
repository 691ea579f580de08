// Package trace has what the analyzer's tests need of wakechain's package trace.
package trace

import "context"

type Task struct{}

func Go(ctx context.Context, name string, fn func(context.Context) error) *Task     { return nil }
func Handle(ctx context.Context, name string, fn func(context.Context) error) error { return nil }
func Send[T any](ctx context.Context, ch chan<- T, v T) error                       { return nil }

type Mutex struct{}

func (*Mutex) Lock(context.Context)              {}
func (*Mutex) LockContext(context.Context) error { return nil }
func (*Mutex) Unlock()                           {}

type WaitGroup struct{}

func (*WaitGroup) Wait(context.Context)              {}
func (*WaitGroup) WaitContext(context.Context) error { return nil }

type Group struct{}

func (*Group) Go(context.Context, string, func(context.Context) error) *Task { return nil }
func (*Group) WaitContext(context.Context) error                             { return nil }

type Semaphore struct{}

func (*Semaphore) Acquire(context.Context, int64) error { return nil }

type Chan[T any] struct{}

func (*Chan[T]) Send(context.Context, T) error { return nil }
