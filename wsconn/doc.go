// Package wsconn is nhooyr.io/websocket with a trace: the same functions and
// methods, which return the same values and errors, and spans that show the
// connection's life, every block in it and what ended that.
//
//	conn, _, err := wsconn.Dial(ctx, url, nil)         // websocket.Dial
//	conn, err := wsconn.Accept(w, r, nil)              // websocket.Accept
//	http.Handle("/", wsconn.Handler("echo", echo))     // and a goroutine's spans
//	nc := wsconn.NetConn(ctx, conn, msgType)           // websocket.NetConn
//
// For github.com/coder/websocket, where nhooyr's library is maintained today,
// the package [github.com/wakechain/wakechain/wsconn/coderws] is the same. JSON
// messages are those of [github.com/wakechain/wakechain/wsconn/wsjson].
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
// A handshake is a child of the span in its context; a server's, of the
// client's handshake, which it finds in the request's headers (W3C trace
// context, with baggage). Reads, writes and pings are children of the span in
// the context they are given, or of the handshake if it carries none.
//
// A read or write says the size of its message, its index in its direction, and what
// the frames of RFC 6455 that carried it took on the wire, so that compression shows.
// Frames that the library writes by itself, such as a pong inside a read, are not part
// of a write. Payloads are never recorded.
//
// # Volume
//
// A trace has no more than 1,000 spans or 10 minutes of one side of a connection
// ([WithTraceBudget]). Then the connection goes on in another trace, below a span
// segment that links to the handshake and to the segment before:
//
//	segment
//	├─ read
//	└─ write             links to NAME
//	   ├─ block
//	   └─ wake
//
// The first messages of a direction each have their span, and from then on those that
// failed or stalled; the others are in runs: spans reads and writes of a second at most
// ([WithMessageSpans]). What was left out is counted by spans.suppressed on the next
// span. Metrics ([WithMeterProvider]) count everything. The page docs/telemetry.md
// lists all spans, attributes and metrics.
//
// # Who sent a message
//
// Between two ends that both use this package or coderws, the read of a message links
// to the peer's write that sent it, and so does the wake of a read that waited for it:
// of Read, Receive, Reader, NetConn and package wsjson. For that a pong frame of 35 or
// 39 bytes goes before the message, if both announced it in the handshake; it never
// reaches the program, and any other peer sees a plain connection. docs/wire.md has the
// bytes, and how those of a hostile peer are treated; [WithoutPeerLinks] switches it
// off. A [NetConn] cannot link messages that arrive in one piece behind a compressed
// one, whose end it does not know.
//
// The work that a message causes belongs to its read, which has ended by then:
//
//	m, err := conn.Receive(ctx)
//	…
//	err = store(m.Context(ctx), m.Data)   // a child of the read
//
// # Trust and sampling
//
// A connection is traced at both ends or at neither: the client's handshake is sampled
// or not, its headers say so, and a server records nothing of one that is not. If the
// client is not traced with wakechain, or the trace does not travel
// ([WithPropagators]), the server's own sampler decides. If that sampler refuses what
// its parent accepted (it is not sdk/trace.ParentBased), only the client's end is
// traced.
//
// A server that anybody may connect to should not let them decide what it
// records: [WithPublicEndpoint] links the client's span and begins a trace of its
// own, as in otelhttp. It also keeps the ids of its spans and the client's baggage to
// itself. A link to a peer's write is the peer's word.
//
// # The end of a connection
//
// One close span describes it, whether or not the program closed: whose close frame
// came first, with what code, whether the other side answered and after how long. Its
// error.type is empty for the codes 1000 and 1001, and else
//
//   - the close code: of the first close frame, or of the library's own verdict
//     on what it read, as 1002 for a violation of the protocol and 1009 for a
//     message above the read limit
//   - unexpected_eof, connection_reset, broken_pipe: what the connection below
//     returned where no close frame came
//   - canceled, deadline_exceeded: the context of a read, a write or CloseRead
//     ended, or a deadline of a NetConn passed, or the peer took longer than
//     the five seconds that the library gives a close frame or a pong
//   - close_now: the program's CloseNow, or a Close that sent no close frame
//   - closed: this side closed, and it is not known why
//
// A program that neither closes its connection nor comes to a close frame in a
// read gets no close span.
//
// # Who holds the writer
//
// A connection has one writer at a time. An operation that waits for it has a block of
// reason write.lock, whose wake links to the operation that released it. A write or a
// ping waits behind another; a ping, a close, or the library's answer to a ping inside
// a read, behind a parked write. If the context or the connection ends first, the error
// is the library's own.
//
// # Where blocks are seen
//
// Blocks are exact (block.source "poll") on TCP and Unix sockets; under TLS,
// where this package sees the connection below it: in Dial, and on a server that
// serves on [NewListener]. So they are in memory, on the connections of
// [github.com/wakechain/wakechain/wsconn/wstest] ("memory"). Elsewhere each call
// is timed as a whole ("timed"): on a server's TLS connections without that
// listener, and on a client whose http.RoundTripper is no *http.Transport, as
// otelhttp's.
//
// # With otelhttp
//
// otelhttp.NewHandler around a WebSocket handler works, and the handshake is a
// child of its span. But that span stays open for as long as the connection, so
// that a backend shows everything below it as orphans until the connection
// ends. Leave these requests out, since the handshake has its own span:
//
//	otelhttp.NewHandler(mux, "server", otelhttp.WithFilter(func(r *http.Request) bool {
//		return !strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
//	}))
//
// The same filter is for otelhttp.NewTransport in a client's transport, whose
// span ends with the connection as well.
//
// # Concurrency and cost
//
// As with the library, all methods may be called concurrently but for Reader and
// Read. No goroutine is started, and no context derived for a message.
//
// A connection whose handshake is not sampled is not traced at all: its methods
// are the library's, and allocate nothing more, unless a MeterProvider measures
// it (see [WithMeterProvider]). Whether a connection is sampled or measured is
// decided with its handshake.
package wsconn
