// Package explain answers from a chain of spans what one would ask it: who was
// blocked, on what and why, and what woke it.
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
// [Print] writes findings for people, [WriteJSON] for programs, and an [Exporter] at the
// end of a program those in its own spans.
//
// # Who is to blame
//
// What a kernel tells of "the peer" is of whoever is at the other end of the TCP
// connection, which need not be where the trace goes on: a proxy may stand between.
// Two ends are the ends of one connection where network.local.* and
// network.peer.* of their handshakes match crosswise, or where the connection is
// one in memory. Only then is a service named, and told what its reader did instead
// of reading.
//
// # What is left out
//
// One fact is one finding, by the rule that comes first in the list of [Rule]s; how a
// goroutine ended is not told where the operation that it ended with is. Normal
// ends are none: a closing handshake, a context that was canceled without a cause
// of its own.
//
// A [Finding] says no more than its spans do: a rule whose evidence the trace
// does not carry finds nothing. What it cannot see is what no span tells, such
// as a reader in the background (wsconn.Conn.CloseRead).
//
// What the trace brought into a text is escaped. Everything is safe for
// concurrent use.
package explain
