// Package sched records the runtime's execution trace: every park of every
// goroutine, with its stack, and who ended it. What nobody wrapped is in it, such as
// a bare channel, a sync.Mutex or the library of somebody else.
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
// # When it shall run
//
// On demand: while somebody looks for something. It is not free: an echo over a
// WebSocket costs 1.2 to 1.4 times as much while it runs, and a hand-off over a
// channel 2.5 times. [OnStall] writes what happened before a stall, once for many,
// and without a recorder that runs it writes where each goroutine stands then.
//
// There is one flight recorder in a process. [WithFlightRecorder] uses the one that
// the program has.
package sched
