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
// On unix systems, and for *net.TCPConn and *net.UnixConn, what it reports is
// exact: it runs the runtime poller's own loop through syscall.RawConn, and
// sees the EAGAIN that parks the goroutine and the retry that follows the wake
// (block.source "poll"). A conn that is a [Reporter], as one in memory, reports
// by itself (block.source "memory"). Any other conn is timed from outside: a call that
// lasts is reported as one block (block.source "timed"). An exact call that waits
// for another observed one of its direction reports that block, too (lock,
// write.lock).
//
// On Linux a blocked write on TCP also carries the kernel's evidence of why
// ([semconv.TCPRwndLimitedKey] and the keys beside it), read by TCP_INFO at the
// park and at the wake and at no other time.
//
// What an Observer makes of it is the program's: a count, a log line, the place where a
// connection is stuck now. It needs no spans.
//
// A Conn that nobody observes calls the wrapped conn directly. An observed call
// that does not park costs what the wrapped one does and allocates nothing; the
// evidence costs about 1 µs at each end of a park, and an allocation where a span says
// it.
package netpoll
