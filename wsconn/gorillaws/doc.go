// Package gorillaws is github.com/gorilla/websocket with a trace. It has the same
// types, functions and methods, which return the same values and errors. Its spans show
// the connection's life, every block in it and what ended that block. A program changes
// its import:
//
//	import websocket "github.com/wakechain/wakechain/wsconn/gorillaws"
//
//	u := websocket.Upgrader{}
//	conn, err := u.Upgrade(w, r, nil)
//	typ, p, err := conn.ReadMessage()
//	err = conn.WithContext(ctx).WriteMessage(typ, p) // the span is below ctx's
//	http.Handle("/", websocket.Handler("echo", echo)) // and a goroutine's spans
//
// The documentation of package wsconn about spans, volume, links to the peer's writes,
// trust, sampling, and where blocks are observed applies here, too. Options are given
// in the fields [Upgrader.Options] and [Dialer.Options]. The following is different.
//
// # Without contexts
//
// The library has no contexts, and the end of one cancels nothing. A span is a child of
// the span in the context of [Conn.WithContext], or else of [Handler]'s goroutine, or
// else of the handshake. A deadline ends a block with wake.reason deadline.
//
// # Control messages
//
// Ping and pong messages that the program writes have the spans ping and pong, and a
// close message a span write of the type close. A ping does not wait for its pong, and
// neither does its span. A pong that the library sends by itself in a read is a span
// pong below that read. It has error.type deadline_exceeded if the library gave it up
// after a second, because a write was parked. The peer, which waits for that pong, may
// then hang up; the read returns no error.
//
// The span close is made by [Conn.Close], which closes the connection below.
//
// # Writers
//
// One goroutine at a time may write messages. The library panics when it detects two,
// and so does this package. One of the writes then has error.type panic, the other
// links to it, and both have code.function.name and code.line.number of where they
// began. A write waits only for control messages, in a block of reason write.lock.
//
// After a write has failed, all others fail with its error, and link to it.
//
// # Cost
//
// As in package wsconn. A recorded write also records its caller, which takes about 200
// ns and no allocation. The library sends a server's large message as two buffers in
// one system call, and so does this package. Other wrappers of a connection make it two
// system calls, and two packets.
package gorillaws
