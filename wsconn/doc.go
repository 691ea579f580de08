// Package wsconn is nhooyr.io/websocket with a trace: the same functions and
// methods, which return the same values and errors, and spans that show the
// connection's life, every block in it and what ended that.
//
//	conn, _, err := wsconn.Dial(ctx, url, nil)         // websocket.Dial
//	conn, err := wsconn.Accept(w, r, nil)              // websocket.Accept
//	http.Handle("/", wsconn.Handler("echo", echo))     // and a goroutine's spans
//
// The spans of one connection:
//
//	handshake (client)
//	├─ dns, connect, tls, write_http_request, read_http_response
//	├─ handshake (server)
//	│  ├─ process_request, write_http_response
//	│  └─ go NAME
//	│     ├─ write
//	│     │  ├─ block     net.write: parked until the peer reads
//	│     │  └─ wake
//	│     ├─ close
//	│     └─ NAME
//	└─ read
//	   ├─ block           net.read: parked until bytes arrive
//	   └─ wake
//
// A handshake is a child of the span in its context; a server's, of the
// client's handshake, which it finds in the request's headers (W3C trace
// context, with baggage). Reads, writes and pings are children of the span in
// the context they are given, or of the handshake if it carries none.
//
// A connection whose handshake is not sampled is not traced at all: its methods
// are the library's. Payloads are never recorded.
//
// For github.com/coder/websocket, where nhooyr's library is maintained today,
// the package [github.com/wakechain/wakechain/wsconn/coderws] is the same.
package wsconn
