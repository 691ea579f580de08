// Package coderws is github.com/coder/websocket with a trace: the same
// functions and methods, which return the same values and errors, and spans
// that show the connection's life, every block in it and what ended that.
//
//	conn, _, err := coderws.Dial(ctx, url, nil)         // websocket.Dial
//	conn, err := coderws.Accept(w, r, nil)              // websocket.Accept
//	http.Handle("/", coderws.Handler("echo", echo))     // and a goroutine's spans
//	nc := coderws.NetConn(ctx, conn, msgType)           // websocket.NetConn
//
// The hooks OnPingReceived and OnPongReceived are the program's alone: they are
// called as the library calls them, and a ping that the program's hook does not
// want answered has no pong.
//
// Everything else, the spans, concurrency and cost, is as in
// [github.com/wakechain/wakechain/wsconn], whose documentation it is.
package coderws
