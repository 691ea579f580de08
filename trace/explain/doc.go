// Package explain answers from a chain of spans what one would ask it: who was
// blocked, on what and why, and what woke it.
//
//	for _, f := range explain.Explain(c) {
//		fmt.Println(f)
//	}
//
//	PROBLEM  sender-stalled  +401ms
//	  socket_start's sen_data was blocked 2.71 s in the write after message 311: socket_get was not
//	  reading (its receive window was closed for 2.6 s of that). By then 4,665 bytes had been handed to
//	  the kernel, and 2,325 bytes of them were not acknowledged (2,310 bytes not even sent; the window
//	  was 0 bytes), which is why the 311 writes before it did not block. What woke it: socket_get reset
//	  the connection; the write failed with connection_reset.
//	  → Look at what the reader does between two reads: it should read in a goroutine of its own, or as
//	    fast as is written. Give the writes a deadline, so that a peer that stops costs no more than
//	    that.
//
// A [Finding] says no more than its spans do: a rule whose evidence the trace
// does not carry finds nothing. What it cannot see is what no span tells, such
// as a reader in the background (wsconn.Conn.CloseRead).
//
// What the trace brought into a text is escaped. Everything is safe for
// concurrent use.
package explain
