// Package sched records the runtime's execution trace: every park of every goroutine, with
// its stack, and which goroutine ended it. That includes code that is not wrapped: bare
// channels, sync.Mutex, any other library.
//
//	rec := sched.NewRecorder(sched.WithWindow(10 * time.Second))
//	if err := rec.Start(); err != nil { … }
//	defer rec.Stop()
//	…
//	err := rec.WriteFile("slow.trace") // the last ten seconds
//
// Package trace/sched/schedread converts such a file into a chain, for explain and
// sequence. `go tool trace` opens it as well. A program that only records need not import
// schedread: package sched needs only the standard library.
//
// # When to record
//
// Record on demand, while you look for something. Recording is not free: an echo over a
// WebSocket costs 1.2 to 1.4 times as much while the recorder runs, and a hand-off over a
// channel 2.5 times. [OnStall] writes what happened before a stall, once for many stalls.
// If the recorder does not run, it writes where each goroutine is blocked.
//
// A process has at most one flight recorder. [WithFlightRecorder] uses one that the program
// has already.
package sched
