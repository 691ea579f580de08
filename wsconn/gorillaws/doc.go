// Package gorillaws is github.com/gorilla/websocket with a trace: the same types,
// functions and methods, which return the same values and errors, and spans that show
// the connection's life, every block in it and what ended that. A program changes its
// import:
//
//	import websocket "github.com/wakechain/wakechain/wsconn/gorillaws"
//
//	u := websocket.Upgrader{}
//	conn, err := u.Upgrade(w, r, nil)
//	typ, p, err := conn.ReadMessage()
//	err = conn.WithContext(ctx).WriteMessage(typ, p) // the span is below ctx's
//	http.Handle("/", websocket.Handler("echo", echo)) // and a goroutine's spans
//
// What package wsconn says of spans, volume, links to the peer's writes, trust,
// sampling, and where blocks are seen, is so here. Options are those of the fields
// [Upgrader.Options] and [Dialer.Options]. This is different:
//
// # Without contexts
//
// The library knows no contexts, and nothing that it does ends with one. A span is a
// child of the span in the context of [Conn.WithContext], or else of [Handler]'s
// goroutine, or else of the handshake. A deadline ends a block with wake.reason
// deadline.
//
// # Control messages
//
// Ping and pong messages that the program writes are spans ping and pong, and a close
// message is a span write of the type close. A ping does not wait for its pong, and
// neither does its span. What the library sends by itself in a read, as the answer to a
// ping, is a span pong below that read: with error.type deadline_exceeded where the
// library gave it up after its second, because a write was parked. The peer, which
// waits for that pong, may hang up; the read says nothing of it.
//
// The span close is that of [Conn.Close], which ends the connection below.
//
// # Writers
//
// One goroutine at a time may write messages. The library panics when it notices two,
// and so does this package: each of the two writes then has a span of error.type panic
// or a link to it, and code.function.name and code.line.number of where it began. A
// write waits, in a block of reason write.lock, for control messages alone.
//
// After a write has failed all others fail with its error: they link to the first.
//
// # Cost
//
// As in package wsconn; a write that is recorded notes where it was called from,
// which takes about 200 ns and no allocation. The library sends a large message of a server as two buffers in one system
// call, and so does this package, where every other wrapper of a connection makes it
// two, and two packets.
package gorillaws
