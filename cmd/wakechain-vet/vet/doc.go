// Package vet is an analyzer for programs that use wakechain's package trace.
//
// Everywhere it reports errors that are ignored where the program then goes on as if it
// had what it waited for: of LockContext and its like, Acquire and Send. The fix of the
// first is Lock, which cannot fail.
//
// In functions that run under a traced goroutine it reports what waits unseen:
//
//   - go statements, whose goroutines are in no trace. The fix is trace.Go.
//   - Lock and RLock of package sync's locks, and its WaitGroup's Wait.
//   - Channel operations, ranges and selects that may wait. The fix of a send is
//     trace.Send, where the function returns an error and nothing else.
//
// A function runs under a traced goroutine if it is given to trace.Go, trace.Handle or
// another function of packages trace and wsconn that takes one, or if such a function of
// the same package calls it and it has a context.
//
// # Limits
//
// It looks at one package at a time, and at calls that name the function: not through
// interfaces, function values or other packages, and not at functions without a context.
// So what it does not report may still wait unseen. Receiving from ctx.Done() is not
// reported, and neither is a select with a default, which does not wait. The place where
// a lock or a channel is declared is not looked at: its type is for the program to change.
package vet
