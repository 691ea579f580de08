// Package trace shows the event loop under a Go program as OpenTelemetry spans:
// which goroutine blocked, on what and for how long, and what woke it.
//
// A goroutine started by [Go], or a function run by [Handle], has a span NAME, from the
// call to its end. It is the parent of the goroutine's operations: calls that may block,
// each an [Op]. Inside an operation, block and wake alternate and tile it:
//
//	sen_data           |--------------------------------------------|
//	  write              |---|
//	  write                   |--------------------------------|
//	    block peer_window      |------------------------------|
//	    wake peer_read                                         |-|
//
// A block lasts from the moment a goroutine is about to park to the moment it runs
// again. Its name says why. No span is open for longer than one operation, except a
// goroutine's, which is open for at most 5 seconds ([WithMaxOpen]). Block and wake spans
// are made when they are over, with the measured times.
//
// Waits inside the process are recorded by the channels, locks and futures of this
// package: [Chan], [Select], [Mutex], [RWMutex], [Cond], [WaitGroup], [Semaphore], [Once],
// [Future], [Sleep], and [Group] for goroutines that belong together. They behave like
// those of the standard library, except that a context can end a wait, and that a wait is
// an operation. Its wake links to its cause: the sender, the receiver, or the goroutine
// that unlocked or resolved. If that one had to wait, too, the link names its operation,
// and otherwise the span in the context that it passed.
//
//	broadcaster        |--------------------------------------|
//	  send               |--------------------------------|
//	    block chan.send   |-------------------------------|
//	    wake sent                                         |-|      by writer
//	speaker            |----------------------------------------|
//	  lock                |---------------------------------|
//	    block lock         |--------------------------------|
//	    wake unlocked                                       |-|    by broadcaster
//
// An operation that need not wait costs some ten nanoseconds more than that of the
// standard library, and has no span, except with [WithAllOps]. A recorded wait costs about
// three microseconds, plus its export. docs/performance.md has the figures. The package
// [github.com/wakechain/wakechain/trace/lean] makes the same spans at less cost.
//
// The package [github.com/wakechain/wakechain/trace/netpoll] reports the blocks
// of any net.Conn, and [github.com/wakechain/wakechain/wsconn] those of
// WebSocket connections.
//
// Everything is safe for concurrent use. If the parent span is not sampled or the
// provider is a no-op, an operation neither allocates nor reads the clock, unless a
// MeterProvider measures it; see [WithMeterProvider].
//
// docs/telemetry.md in this module lists every span, attribute and metric.
package trace
