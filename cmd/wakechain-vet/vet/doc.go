// Package vet is an analyzer for programs that use wakechain's package trace.
//
// In all code it reports errors that are ignored although the program then continues as if
// it had what it waited for: of LockContext and similar methods, Acquire and Send. The fix
// for a method with Context in its name is the one without, such as Lock, which cannot
// fail.
//
// In functions that run under a traced goroutine it reports waits that no trace shows:
//
//   - go statements, whose goroutines are in no trace. The fix is trace.Go.
//   - Lock and RLock of package sync's locks, and its WaitGroup's Wait.
//   - Channel operations, ranges and selects that may wait. The fix of a send is
//     trace.Send, if the function returns only an error.
//
// A function runs under a traced goroutine if it is an argument of trace.Go, trace.Handle
// or another function of packages trace and wsconn. It also does if it has a context, and a
// function of the same package that runs under a traced goroutine calls it.
//
// # Limits
//
// It checks one package at a time, and only calls that name the function: not through
// interfaces, function values or other packages, and not functions without a context. So
// code that it does not report may still wait unseen. It does not report a receive from
// ctx.Done(), or a select with a default, which does not wait. It does not check where a
// lock or a channel is declared: the type is for the program to change.
package vet
