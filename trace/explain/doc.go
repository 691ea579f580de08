// Package explain answers questions from a chain of spans: who was blocked, on what,
// why, and what woke it.
//
//	for _, f := range explain.Explain(c) {
//		fmt.Println(f)
//	}
//
//	PROBLEM  sender-stalled  +93.98ms
//	  socket_start's sen_data was blocked 3.48 s writing: socket_get was in sleep, not reading
//	    It was the write after message 519; socket_get's receive window was closed all that time. Its
//	    reader hello was in sleep for 3.47 s of that. By then 24.9 kB had been handed to the kernel, and
//	    23.4 kB of them were not acknowledged (21.5 kB not even sent), which is why the 519 writes
//	    before it did not block. What woke it: socket_get reset the connection; the write failed with
//	    connection_reset, and sen_data ended with it.
//	  → Look at what the reader does between two reads: it should read in a goroutine of its own, or as
//	    fast as is written. Give the writes a deadline, so that a peer that stops costs no more than
//	    that.
//
// [Print] writes findings for people, [WriteJSON] for programs, and an [Exporter] those in
// a program's own spans when it exits.
//
// # Who is to blame
//
// The kernel's "peer" is the other end of the TCP connection. That need not be the service
// that the trace shows there, because a proxy may stand between. A finding names the
// service, and describes what its reader did instead of reading, only if the two ends are
// proven to be of one connection: network.local.* and network.peer.* of their handshakes
// match crosswise, or the connection is in memory.
//
// # What is left out
//
// Each fact is reported once, by the first [Rule] that finds it. A goroutine that ended
// with an operation's error is part of the finding about that operation. Normal ends are
// not reported, such as a closing handshake, or a context that was canceled without a cause
// of its own.
//
// A [Finding] is based on spans only: without evidence in the trace a rule finds nothing.
// Some things have no span, such as a reader in the background (wsconn.Conn.CloseRead).
//
// Texts from the trace are escaped. Everything is safe for concurrent use.
package explain
