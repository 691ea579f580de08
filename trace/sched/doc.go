// Package sched records the runtime's execution trace: every park of every goroutine,
// with its stack, and who ended it. It also covers code that is not wrapped: bare
// channels, a sync.Mutex, any other library.
//
//	rec := sched.NewRecorder(sched.WithWindow(10 * time.Second))
//	if err := rec.Start(); err != nil { … }
//	defer rec.Stop()
//	…
//	err := rec.WriteFile("slow.trace") // the last ten seconds
//
// Package trace/sched/schedread turns such a file into a chain, for explain and
// sequence; `go tool trace` opens it as well. A program that only records does not
// import that one: this package needs the standard library alone.
//
// # When to record
//
// Record on demand, while you look for something. It is not free: an echo over a
// WebSocket costs 1.2 to 1.4 times as much while it runs, and a hand-off over a channel
// 2.5 times. [OnStall] writes what happened before a stall, once for many stalls.
// Without a running recorder it writes where each goroutine stands.
//
// A process has at most one flight recorder. [WithFlightRecorder] uses the program's
// own.
package sched
