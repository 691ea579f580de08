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
// A block lasts from the moment a goroutine is about to park to the moment it
// runs again; its name says why. Nothing stays open longer than one operation, but
// for a goroutine's span, which is open for 5 seconds at the most ([WithMaxOpen]):
// block and wake are exported when they are over, with the times that were read.
//
// Who waits for whom inside the process shows in the channels, locks and futures
// of this package: [Chan], [Select], [Mutex], [RWMutex], [Cond], [WaitGroup],
// [Semaphore], [Once], [Future], [Sleep], and [Group] for goroutines that belong
// together. They are the bare ones, but that each wait ends with a context, as an
// operation whose wake links to what caused it: the sender, the receiver, who
// unlocked or resolved. The link is to that one's own operation where it had to
// wait itself, and else to the span in the context that it was called with.
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
// One that need not wait costs some ten nanoseconds more than the bare one and
// makes no span, unless [WithAllOps] says so; a wait that is recorded costs about
// three microseconds, and what the exporter takes. docs/performance.md has the
// figures, and the package [github.com/wakechain/wakechain/trace/lean] makes the
// same spans for less.
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
