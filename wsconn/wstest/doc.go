// Package wstest is a WebSocket connection in memory, for tests: a client and a
// server that shook hands, and between them a network with a finite window, so
// that a writer blocks when the other end does not read, and wakes when it does.
//
//	synctest.Test(t, func(t *testing.T) {
//		client, server := wstest.Pipe(t, wstest.WithWindow(1024))
//		// ...
//	})
//
// [Pipe] connects two of wsconn, [CoderPipe] two of wsconn/coderws. Everything in
// it runs in a testing/synctest bubble, the libraries' timeouts too, and takes no
// time there but what [WithLatency] says; the bubble ends once the connection is
// closed, which the test's Cleanup does.
//
// # The network
//
// [NetPipe] is the pair below, as net.Conns: it behaves as TCP does, errors
// included, and can be made to stop reading, to close a half, to reset and to cut
// in the middle of a frame. A test gets hold of it so:
//
//	nc, ns := wstest.NetPipe(wstest.WithWindow(1024), wstest.WithLatency(20*time.Millisecond))
//	client, server := wstest.Pipe(t, wstest.WithConns(nc, ns))
//	nc.StopReading()
//
// [Listen] is a net.Listener of such conns with its dialer, for any http.Server.
//
// # What its spans say
//
// Blocks are exact (block.source "memory"), and so is what is said of them, since
// both ends are at hand:
//
//   - a write that blocked says why: peer_window, or network where the bytes were
//     on their way for more than half of the time
//   - a wake links to who caused it: that of a write (peer_read) to the other end's
//     read, that of a read (readable) to the other end's write, and what a close
//     ended, at either end, to that close
//
// There is no link where nobody is behind it: a deadline, a reset, CutAfter,
// ResumeReading, or the other end's call having no span.
package wstest
