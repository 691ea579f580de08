// Package op is the event core: it records the edges of operations that may block, and
// passes them to sinks.
//
// An operation is a [Record] of edges: it begins, blocks, wakes, and ends. Callers hold
// a [Ref] to it. Each [Sink] turns the edges into something else, such as spans or
// metrics, and has its own threshold for that. The core has no policy, and knows no
// attribute keys and no SDK.
//
// # Who runs a sink
//
// A sink may run code of the program, such as a span processor, which may call
// anything: it may close the connection or end the very operation. So no sink runs
// under a lock of this module, and none inside the callback of the runtime's poller:
//
//   - [Ref.Block] records an edge, with a few stores, and runs no sink.
//   - [Ref.Wake], [Ref.End] and the like run the sinks, one at a time for each
//     record and in the order of the edges. Calls of a sink or of another goroutine
//     in the meantime are queued. They are delivered when that sink has returned, on
//     the goroutine that runs it.
//
// # Memory
//
// The memory of a record is reused once its operation has ended and the last sink has
// returned. A Ref carries the generation of the record that it was made for; a stale
// one does nothing. So references need not be counted.
//
// An uncontended operation allocates nothing, takes a lock three times, and reads the
// clock once for each edge that comes without a time.
package op
