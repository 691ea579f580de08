// Package netpoll shows when a goroutine parks in a network read or write, and
// what wakes it.
//
// A [Conn] is a net.Conn that behaves as the one it wraps and reports each park
// to an operation, or to an [Observer] of the program's:
//
//	conn := netpoll.Wrap(nc)
//	ctx, op := trace.Start(ctx, "read")
//	conn.TraceRead(op)
//	n, err := conn.Read(p)
//	conn.TraceRead(trace.Op{})
//	op.End(err)
//
// Reports about *net.TCPConn and *net.UnixConn are exact on unix systems: the Conn runs
// the runtime poller's own loop through syscall.RawConn, and sees the EAGAIN that parks
// the goroutine and the retry that follows the wake (block.source "poll"). A conn that is
// a [Reporter], such as one in memory, reports by itself (block.source "memory"). Any
// other conn is timed from outside: a call that takes long is reported as one block
// (block.source "timed"). An exact call that waits for another observed call of the same
// direction reports that block, too (lock, write.lock).
//
// On Linux a blocked write on TCP also has the kernel's evidence of the cause
// ([semconv.TCPRwndLimitedKey] and similar keys), read by TCP_INFO at the park and at the
// wake and at no other time.
//
// An Observer may do anything with a report: count, log, or show where a connection is
// stuck. It needs no spans.
//
// A Conn without an observer calls the wrapped conn directly. An observed call that does
// not park costs what the wrapped one does and allocates nothing. The evidence costs about
// 1 µs at each end of a park, and an allocation if a span records it.
package netpoll
