// Package op is the event core: it records the edges of operations that may block, and
// hands them to sinks.
//
// An operation is a [Record] of edges: it begins, blocks, wakes, and ends. Callers
// hold a [Ref] to it. Each [Sink] makes of the edges what it likes, such as spans or
// metrics, and has its own threshold for it. The core holds no policy, and knows no
// attribute key and no SDK.
//
// # Who runs a sink
//
// A sink may run code of the program's, such as a span processor, which may call
// whatever it likes, and so close the connection or end the very operation. So no
// sink runs under a lock of this module, and none inside the callback of the
// runtime's poller:
//
//   - [Ref.Block] notes an edge, with a few stores, and runs no sink.
//   - [Ref.Wake], [Ref.End] and the like run the sinks, one at a time for each
//     record and in the order of the edges. What is called meanwhile, by a sink or
//     by another goroutine, is noted and runs when that sink has returned, on the
//     goroutine that is in it.
//
// # Memory
//
// The memory of a record is used again when its operation has ended and the last sink
// has returned. A Ref carries the generation of the record that it was made for; a
// stale one does nothing. So nobody counts references.
//
// An uncontended operation allocates nothing, takes a lock three times, and reads the
// clock once for each edge that comes without a time.
package op
