// Package live shows what is blocked now: which goroutine waits, in which operation, for
// what and since when, what the kernel reports about the connection, and what the goroutine
// at the other end is doing.
//
//	view := live.Snapshot()
//
// A snapshot reads the state that goroutines (trace.Go, Handle, Group) and connections
// (package wsconn) keep in any case. Each of them is registered once; operations are not.
// Nothing depends on an exporter or a collector, and the world is not stopped. Unsampled
// goroutines and connections are only included with [WithUnsampled].
package live
