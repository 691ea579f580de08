// Package trace shows the event loop under a Go program as OpenTelemetry spans:
// which goroutine blocked, on what and for how long, and what woke it.
//
// A goroutine started by [Go], or a function run by [Handle], has a span NAME, from
// the call to its end, which is the parent of what it does. What it does that may
// block is an operation, an [Op]; inside an operation, block and wake alternate
// and tile it:
//
//	sen_data           |--------------------------------------------|
//	  write              |---|
//	  write                   |--------------------------------|
//	    block peer_window      |------------------------------|
//	    wake peer_read                                         |-|
//
// A block lasts from the moment a goroutine is about to park to the moment it runs
// again; its name says why. No span stays open longer than one operation, except a
// goroutine's, which is open for at most 5 seconds ([WithMaxOpen]). Block and wake
// spans are made when they are over, with the times that were measured.
//
// Waits inside the process show in the channels, locks and futures of this package:
// [Chan], [Select], [Mutex], [RWMutex], [Cond], [WaitGroup], [Semaphore], [Once],
// [Future], [Sleep], and [Group] for goroutines that belong together. They behave as
// the bare ones do, except that a wait can end with a context, and is an operation
// whose wake links to its cause: the sender, the receiver, whoever unlocked or
// resolved. The link goes to the operation of that goroutine if it had to wait itself,
// and otherwise to the span in the context that it passed.
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
// An operation that need not wait costs some ten nanoseconds more than the bare one and
// makes no span, unless [WithAllOps] asks for it. A recorded wait costs about three
// microseconds plus its export. docs/performance.md has the figures; the package
// [github.com/wakechain/wakechain/trace/lean] makes the same spans for less.
//
// The package [github.com/wakechain/wakechain/trace/netpoll] reports the blocks
// of any net.Conn, and [github.com/wakechain/wakechain/wsconn] those of
// WebSocket connections.
//
// Everything is safe for concurrent use. Where the parent span is not sampled
// or the provider is a no-op, an operation costs no allocation and no reading
// of the clock, unless a MeterProvider measures it; see [WithMeterProvider].
//
// docs/telemetry.md in this module lists every span, attribute and metric.
package trace
