// Package live shows what is stuck right now: which goroutine waits, in which
// operation, for what and since when, what the kernel knows of the connection, and
// what the goroutine at the other end does instead.
//
//	view := live.Snapshot()
//
// A snapshot reads what goroutines (trace.Go, Handle, Group) and connections
// (package wsconn) keep of themselves anyway. They are registered once each, and no
// operation is. Nothing depends on an exporter or a collector, and the world is not
// stopped. What is not sampled is not followed, unless [WithUnsampled] says so.
package live
