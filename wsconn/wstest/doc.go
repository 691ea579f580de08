// Package wstest makes WebSocket connections in memory, for tests: a client and a
// server after their handshake, with a network of a finite window between them. So a
// writer blocks when the other end does not read, and wakes when it does.
//
//	synctest.Test(t, func(t *testing.T) {
//		client, server := wstest.Pipe(t, wstest.WithWindow(1024))
//		// ...
//	})
//
// [Pipe] connects two ends of wsconn, [CoderPipe] two of wsconn/coderws. Everything,
// including the libraries' timeouts, works in a testing/synctest bubble, and takes no
// time there except for [WithLatency]. The test's Cleanup closes the connection, and
// the bubble can end.
//
// # The network
//
// [NetPipe] makes the pair of net.Conns below. It behaves like TCP, errors included. A
// test can stop its reads, close a half, reset it, or cut it in the middle of a frame:
//
//	nc, ns := wstest.NetPipe(wstest.WithWindow(1024), wstest.WithLatency(20*time.Millisecond))
//	client, server := wstest.Pipe(t, wstest.WithConns(nc, ns))
//	nc.StopReading()
//
// [Listen] returns a net.Listener of such conns, with its dialer, for any http.Server.
//
// # What its spans show
//
// Blocks are exact (block.source "memory"), and so are their causes and links, since both
// ends are in the process:
//
//   - A write that blocked has a cause: peer_window, or network if the bytes were on
//     their way for more than half of the time.
//   - The wake of a write (peer_read) links to the other end's read, that of a read
//     (readable) to the other end's write. A wake by a close, at either end, links to
//     that close.
//
// A wake has no link after a deadline, a reset, CutAfter or ResumeReading, and if the
// other end's call has no span.
package wstest
