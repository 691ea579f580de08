// Package wsconn is nhooyr.io/websocket with a trace. It has the same functions and methods,
// which return the same values and errors. Its spans show the connection's life, every block
// in it and what ended that block.
//
//	conn, _, err := wsconn.Dial(ctx, url, nil)         // websocket.Dial
//	conn, err := wsconn.Accept(w, r, nil)              // websocket.Accept
//	http.Handle("/", wsconn.Handler("echo", echo))     // and a goroutine's spans
//	nc := wsconn.NetConn(ctx, conn, msgType)           // websocket.NetConn
//
// Package [github.com/wakechain/wakechain/wsconn/coderws] is the same for
// github.com/coder/websocket, where nhooyr's library is maintained today. JSON messages are in
// [github.com/wakechain/wakechain/wsconn/wsjson].
//
// # Spans
//
// The spans of one connection:
//
//	handshake (client)
//	├─ dns, connect, tls, write_http_request, read_http_response
//	├─ handshake (server)
//	│  ├─ tls, read_http_request, process_request, write_http_response
//	│  └─ NAME
//	│     ├─ write
//	│     │  ├─ block write.lock    another goroutine is writing
//	│     │  ├─ wake unlocked       and links to that goroutine's write
//	│     │  ├─ block peer_window   parked until the peer reads
//	│     │  └─ wake peer_read
//	│     └─ close
//	├─ read                         links to the peer's write of the message
//	│  ├─ block net.read            parked until bytes arrive
//	│  ├─ pong                      the library's answer to a ping
//	│  └─ wake readable             and links to that write
//	└─ ping
//	   ├─ block pong                until the peer answers
//	   └─ wake received             and links to the read that the answer came in
//
// A client's handshake is a child of the span in its context, and a server's of the client's
// handshake, which is in the request's headers (W3C trace context, with baggage). Reads,
// writes and pings are children of the span in their context, or else of the handshake.
//
// A read or a write has the size of its message, its index in its direction, and the size of
// its frames (RFC 6455) on the wire, which shows compression. Frames that the library writes
// by itself, such as a pong inside a read, are not part of a write. Payloads are never
// recorded.
//
// # Volume
//
// A trace has at most 1,000 spans or 10 minutes of one side of a connection
// ([WithTraceBudget]). Then the connection continues in another trace, below a span segment
// that links to the handshake and to the segment before:
//
//	segment
//	├─ read
//	└─ write             links to NAME
//	   ├─ block
//	   └─ wake
//
// The first messages of a direction have spans of their own, and after that those that failed
// or stalled. The others are in runs: spans reads and writes, of at most a second
// ([WithMessageSpans]). Suppressed spans are counted by spans.suppressed on the next span.
// Metrics ([WithMeterProvider]) count everything. docs/telemetry.md lists all spans,
// attributes and metrics.
//
// # Who sent a message
//
// If both ends use this package or coderws, the read of a message links to the peer's write
// of it, and so does the wake of a read that waited for it. This holds for Read, Receive,
// Reader, NetConn and package wsjson. For that, a pong frame of 35 or 39 bytes precedes the
// message, if both ends announced it in the handshake. It never reaches the program, and with
// any other peer there is none. docs/wire.md has the format, and how a hostile peer's is
// treated. [WithoutPeerLinks] switches it off. A [NetConn] does not know the end of a
// compressed message, so it cannot link those that arrive together behind one.
//
// The work that a message causes is a child of its read, which has ended by then:
//
//	m, err := conn.Receive(ctx)
//	…
//	err = store(m.Context(ctx), m.Data)   // a child of the read
//
// # Trust and sampling
//
// A connection is traced at both ends or at neither: the client's headers carry whether its
// handshake is sampled, and if it is not, the server records nothing. If the client is not
// traced with wakechain, or the headers carry no trace ([WithPropagators]), the server's own
// sampler decides. If that refuses a span whose parent is sampled (it is not
// sdk/trace.ParentBased), only the client's end is traced.
//
// The clients of a public server should not decide what it records: with
// [WithPublicEndpoint] it links to the client's span and begins a trace of its own, as with
// otelhttp. It also hides the ids of its spans, and ignores the client's baggage. Which write
// a read links to is up to the peer.
//
// # The end of a connection
//
// One span close describes it, whether or not the program closed the connection: which side
// sent the first close frame, with which code, whether the other side answered and after how
// long. It has no error.type for the codes 1000 and 1001, and else
//
//   - the close code: of the first close frame, or the one with which the library refused
//     what it read, such as 1002 for a violation of the protocol and 1009 for a message above
//     the read limit
//   - unexpected_eof, connection_reset, broken_pipe: the error of the connection below, if
//     there was no close frame
//   - canceled, deadline_exceeded: the context of a read, a write or CloseRead
//     ended, or a deadline of a NetConn passed, or the peer took longer than
//     the five seconds that the library gives a close frame or a pong
//   - close_now: the program's CloseNow, or a Close that sent no close frame
//   - closed: this side closed the connection for an unknown reason
//
// A program that neither closes its connection nor reads a close frame gets no span close.
//
// # Who holds the writer
//
// A connection has one writer at a time. An operation that waits for it has a block of reason
// write.lock, whose wake links to the operation that released it. A write or a ping waits for
// another one. A ping, a close, and the library's answer to a ping inside a read wait for a
// parked write. If the context or the connection ends first, the error is the library's.
//
// # Where blocks are observed
//
// Blocks are exact (block.source "poll") on TCP and Unix sockets, and below TLS in Dial, and on
// a server with [NewListener]. They are also exact on the connections in memory of
// [github.com/wakechain/wakechain/wsconn/wstest] ("memory"). Elsewhere each call is timed as a
// whole ("timed"): on a server's TLS connections without that listener, and on a client whose
// http.RoundTripper is no *http.Transport, such as otelhttp's.
//
// # With otelhttp
//
// otelhttp.NewHandler works around a WebSocket handler, and the handshake is a child of its
// span. But that span is open for as long as the connection, and until then a backend shows
// everything below it as orphans. So leave these requests out; the handshake has a span of its
// own:
//
//	otelhttp.NewHandler(mux, "server", otelhttp.WithFilter(func(r *http.Request) bool {
//		return !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
//	}))
//
// Use the same filter for otelhttp.NewTransport in a client's transport: its span ends with
// the connection as well.
//
// # Concurrency and cost
//
// As with the library, all methods may be called concurrently, except Reader and Read. No
// goroutine is started for a message, and no context derived.
//
// A connection whose handshake is not sampled is not traced: its methods only call the
// library's, and allocate nothing, unless a MeterProvider measures it (see
// [WithMeterProvider]). The handshake decides whether a connection is sampled or measured.
package wsconn
