// Package semconv is the vocabulary of wakechain: the names of its spans and metrics, the
// keys of its attributes and their values. No other package of the module has any of its
// own. docs/telemetry.md documents each, and a test compares.
//
// If OpenTelemetry has a convention, its name is used. It has none for WebSocket yet
// (semantic-conventions issue 2841), so the keys that begin with "websocket." are
// experimental.
package semconv

import "go.opentelemetry.io/otel/attribute"

// Span names. Those of a block, a wake, a handshake and a segment may have more behind the
// word: see [BlockName], [WakeName] and [KindOf].
const (
	SpanHandshake = "handshake" // a WebSocket opening handshake, RFC 6455 §4; on a server with the request's pattern or the handler's name
	SpanRead      = "read"      // one message read
	SpanWrite     = "write"     // one message written
	SpanReads     = "reads"     // messages that were read one after the other, and neither stalled nor failed
	SpanWrites    = "writes"    // messages that were written, likewise
	SpanPing      = "ping"      // a ping and the wait for its pong
	SpanPong      = "pong"      // the answer to the peer's ping
	SpanClose     = "close"     // a closing handshake, RFC 6455 §7
	SpanSegment   = "segment"   // the root of a trace in which a connection continues; with the name of its goroutine

	SpanBlock = "block" // the goroutine was parked, or is about to park
	SpanWake  = "wake"  // from a wake to the next block or the operation's end

	// SpanStalled reports a long block while it is in progress. It is short, and links to
	// the operation.
	SpanStalled = "stalled"

	// SpanHistory has the last messages at the other end of a connection that stalled, in
	// the trace of the stall.
	SpanHistory = "history"

	SpanSend   = "send"
	SpanRecv   = "recv"
	SpanSelect = "select"
	SpanLock   = "lock"
	SpanWait   = "wait"
	SpanSleep  = "sleep"
	SpanAwait  = "await"

	// Only of an execution trace, besides net.read and so on: see package
	// trace/sched/schedread.
	SpanForever = "forever" // nothing can end it: select {}, or a nil channel
	SpanSyscall = "syscall" // a system call, or a call of C
	SpanGC      = "gc"      // work for the garbage collector
)

// Steps of a handshake, its child spans. The first three and the two after them
// are the client's, the last three the server's.
const (
	StepDNS              = "dns"
	StepConnect          = "connect"
	StepTLS              = "tls"
	StepWriteHTTPRequest = "write_http_request"
	StepReadHTTPResponse = "read_http_response"

	StepReadHTTPRequest   = "read_http_request"
	StepProcessRequest    = "process_request"
	StepWriteHTTPResponse = "write_http_response"
)

// Reason is what a blocked operation waits for: the value of [BlockReasonKey].
type Reason string

// Reasons to block.
const (
	ReasonNetRead   Reason = "net.read"
	ReasonNetWrite  Reason = "net.write"
	ReasonNetDial   Reason = "net.dial"
	ReasonNetAccept Reason = "net.accept"

	ReasonChanSend  Reason = "chan.send"
	ReasonChanRecv  Reason = "chan.recv"
	ReasonSelect    Reason = "select"
	ReasonLock      Reason = "lock"
	ReasonCond      Reason = "cond"
	ReasonWaitGroup Reason = "waitgroup"
	ReasonSemaphore Reason = "semaphore"
	ReasonSleep     Reason = "sleep"
	ReasonFuture    Reason = "future"

	// ReasonPong: the peer has not answered a ping yet.
	ReasonPong Reason = "pong"

	ReasonFileRead  Reason = "file.read"
	ReasonFileWrite Reason = "file.write"
	ReasonForever   Reason = "forever"
	ReasonGC        Reason = "gc"

	// ReasonWriteLock: another goroutine is writing on this connection.
	ReasonWriteLock Reason = "write.lock"
)

// Cause is why an operation blocked, if there is evidence: the value of [BlockCauseKey].
type Cause string

// Causes of a block.
const (
	CausePeerWindow  Cause = "peer_window"  // the peer's receive window was closed: it is not reading
	CauseNetwork     Cause = "network"      // loss or congestion
	CauseLocalBuffer Cause = "local_buffer" // this side's send buffer; whether the peer reads is not known
	CauseUnknown     Cause = "unknown"
)

// StallCause is why a stall of an unsampled connection is reported, besides the [Cause] of
// the longest block of a write: the value of [StallCauseKey].
type StallCause string

// Causes of a stall.
const (
	StallRead      StallCause = "read"       // blocked in the middle of a message
	StallWriteLock StallCause = "write_lock" // a write waited for another one
	StallFailed    StallCause = "failed"     // an operation failed, and had not been blocked for long
	StallClose     StallCause = "close"      // a close failed or took long
	StallHandshake StallCause = "handshake"  // a handshake took long
	StallRefused   StallCause = "refused"    // a handshake failed
	StallPeer      StallCause = "peer"       // the peer stalled, and asked for the history
)

// WakeReason is what ended a block: the value of [WakeReasonKey].
type WakeReason string

// Reasons of a wake.
const (
	WakeReadable   WakeReason = "readable"    // bytes arrived
	WakeWritable   WakeReason = "writable"    // the send buffer is not full any more; why is not known
	WakePeerRead   WakeReason = "peer_read"   // the peer read, and its window opened
	WakePeerClosed WakeReason = "peer_closed" // the peer closed its end
	WakePeerReset  WakeReason = "peer_reset"  // the peer reset the connection
	WakeSent       WakeReason = "sent"        // the sender's value was received, or is in the buffer
	WakeReceived   WakeReason = "received"    // the receiver got a value
	WakeUnlocked   WakeReason = "unlocked"
	WakeReleased   WakeReason = "released" // by a holder of the semaphore
	WakeSignaled   WakeReason = "signaled" // by the goroutine that changed the condition
	WakeDone       WakeReason = "done"     // the goroutines that it waited for have ended
	WakeTimer      WakeReason = "timer"
	WakeResolved   WakeReason = "resolved"
	WakeDeadline   WakeReason = "deadline"
	WakeCanceled   WakeReason = "canceled"
	WakeClosed     WakeReason = "closed" // this side closed
)

// Source is how a block was observed: the value of [BlockSourceKey].
type Source string

// Sources of a block.
const (
	SourcePoll   Source = "poll"   // exact, from the runtime's network poller
	SourceTimed  Source = "timed"  // a whole call was timed; for how much of it the goroutine was parked is not known
	SourceMemory Source = "memory" // an in-memory connection reported it
	SourceSched  Source = "sched"  // exact, from the runtime's execution trace
)

// State is the state of a goroutine started by trace.Go or trace.Handle: the value of
// [GoroutineStateKey]. The words are those of asyncio's Task.
type State string

// States of a goroutine.
const (
	StatePending  State = "pending"
	StateRunning  State = "running"
	StateBlocked  State = "blocked" // in an operation that is recorded
	StateFinished State = "finished"
	StateCanceled State = "canceled"
	StateFailed   State = "failed"
	StatePanicked State = "panicked"
)

// String returns the word.
func (s State) String() string { return string(s) }

// Attributes of block and wake spans, and their totals on the operation.
const (
	BlockReasonKey = attribute.Key("block.reason") // string, a [Reason]
	BlockCauseKey  = attribute.Key("block.cause")  // string, a [Cause]
	BlockSourceKey = attribute.Key("block.source") // string, a [Source]
	BlockHolderKey = attribute.Key("block.holder") // string, the id of the span that had the lock or semaphore when the context ended the wait for it
	// BlockTruncatedKey is a bool: the block began before the recording did.
	BlockTruncatedKey = attribute.Key("block.truncated")

	WakeReasonKey = attribute.Key("wake.reason") // string, a [WakeReason]
	WakeCauseKey  = attribute.Key("wake.cause")  // string, the text of the context.Cause that canceled

	WakeGoroutineIDKey   = attribute.Key("wake.goroutine.id")   // int, the runtime's number of the goroutine that woke it
	WakeGoroutineNameKey = attribute.Key("wake.goroutine.name") // string

	BlockCountKey    = attribute.Key("block.count")    // int, blocks in an operation or a goroutine, if there is more than one
	BlockDurationKey = attribute.Key("block.duration") // float64, their sum in seconds

	// Of a goroutine, whose span links to the operation with its longest block.
	BlockLongestDurationKey = attribute.Key("block.longest.duration") // float64, seconds
	BlockLongestReasonKey   = attribute.Key("block.longest.reason")   // string, a [Reason]
	BlockLongestCauseKey    = attribute.Key("block.longest.cause")    // string, a [Cause], where there is evidence
	BlockLongestSpanKey     = attribute.Key("block.longest.span")     // string, the id of the operation's span, at the root of a trace

	// SpansSuppressedKey is an int, the spans that were left out before this one, to keep a
	// trace small, and since the last span with this attribute.
	SpansSuppressedKey = attribute.Key("spans.suppressed")

	// Of a [SpanStalled], besides the attributes of a block. It ended StalledAgeKey after
	// the block began.
	StalledOperationKey = attribute.Key("stalled.operation") // string, the name of the operation that is blocked
	StalledAgeKey       = attribute.Key("stalled.age")       // float64, seconds that the block had lasted
	StalledHolderKey    = attribute.Key("stalled.holder")    // string, the goroutine that holds what the operation waits for
	StalledReaderKey    = attribute.Key("stalled.reader")    // string, what the reader at the connection's other end was doing
	StalledTraceKey     = attribute.Key("stalled.trace")     // string, the name of the file with the execution trace that was written then

	// Of the root of the trace of a stall: its cause, and how many of that cause were left
	// out before it.
	StallCauseKey       = attribute.Key("stall.cause")       // string, a [StallCause], or of a write that was blocked a [Cause]
	StallsSuppressedKey = attribute.Key("stalls.suppressed") // int

	SelectCaseKey     = attribute.Key("select.case")      // int, the index of the case that a select chose
	SelectCaseNameKey = attribute.Key("select.case.name") // string, what that case's channel is called

	// SyncNameKey is a string, the program's name of the channel, the lock or the other
	// primitive that an operation is on.
	SyncNameKey = attribute.Key("sync.name")
)

// The kernel's evidence for the cause of a block on a TCP connection (Linux). A net.write has
// measurements at the park, and the growth of counters. A net.read that took some
// milliseconds has tcp.send_queue, tcp.unacked and tcp.rtt, measured at the wake.
const (
	TCPBusyKey          = attribute.Key("tcp.busy")           // float64, seconds in which data was on its way or held up: growth across the block
	TCPRwndLimitedKey   = attribute.Key("tcp.rwnd_limited")   // float64, seconds: growth across the block
	TCPSndbufLimitedKey = attribute.Key("tcp.sndbuf_limited") // float64, seconds: growth across the block
	TCPWrittenKey       = attribute.Key("tcp.written")        // int, bytes handed to the kernel on this connection until the park
	TCPSendQueueKey     = attribute.Key("tcp.send_queue")     // int, bytes of them that the peer had not acknowledged at the park
	TCPNotSentKey       = attribute.Key("tcp.notsent")        // int, bytes not yet sent at the park
	TCPSendMemoryKey    = attribute.Key("tcp.send_memory")    // int, bytes that the send queue took in the kernel at the park, with its bookkeeping
	TCPSendBufferKey    = attribute.Key("tcp.send_buffer")    // int, bytes that it may take (SO_SNDBUF)
	TCPUnackedKey       = attribute.Key("tcp.unacked")        // int, segments not yet acknowledged at the park
	TCPPeerWindowKey    = attribute.Key("tcp.peer_window")    // int, bytes at the park
	TCPRetransmitsKey   = attribute.Key("tcp.retransmits")    // int, segments: growth across the block
	TCPRTTKey           = attribute.Key("tcp.rtt")            // float64, seconds

	TCPCongestionWindowKey = attribute.Key("tcp.cwnd")     // int, segments: growth across the block, negative where the kernel shrank it
	TCPCongestionStateKey  = attribute.Key("tcp.ca_state") // string, the worse at the ends of the block: open, disorder, cwr, recovery or loss
)

// Attributes of goroutines.
const (
	GoroutineIDKey    = attribute.Key("goroutine.id")    // int, the runtime's number
	GoroutineNameKey  = attribute.Key("goroutine.name")  // string
	GoroutineStateKey = attribute.Key("goroutine.state") // string, a [State]

	// GoroutineStartDelayKey is a float64, the seconds from the call of trace.Go to the
	// first instruction of its function.
	GoroutineStartDelayKey = attribute.Key("goroutine.start_delay")

	// GoroutineRunningKey is a float64, the seconds of a goroutine's life in which
	// none of its operations was blocked: running, or ready to. Only a goroutine
	// that was blocked has it.
	GoroutineRunningKey = attribute.Key("goroutine.running")

	GoroutineRunnableKey = attribute.Key("goroutine.runnable")  // float64, seconds that it waited for a processor
	GoroutineSyscallKey  = attribute.Key("goroutine.syscall")   // float64, seconds in system calls
	GoroutineGCAssistKey = attribute.Key("goroutine.gc_assist") // float64, seconds that it worked for the garbage collector

	// CodeStacktraceKey is a string, the stack of a panic, of a park or of the
	// goroutine that ended it, the innermost frame first. The key is OpenTelemetry's.
	CodeStacktraceKey = attribute.Key("code.stacktrace")
)

// GoroutineBlockedKey is the key of a float64, the seconds that a goroutine's
// operations were blocked for r in all: "goroutine.blocked." and the reason.
func GoroutineBlockedKey(r Reason) attribute.Key { return "goroutine.blocked." + attribute.Key(r) }

// Metrics, by the names of their instruments.
const (
	MetricBlockDuration   = "wakechain.block.duration"   // histogram, s: time blocked, by reason and cause
	MetricSpansSuppressed = "wakechain.spans.suppressed" // counter, {span}: left out, to keep a trace small
	MetricSpansDropped    = "wakechain.spans.dropped"    // counter, {span}: made and not exported, by package lean
	MetricBlocked         = "wakechain.blocked"          // gauge, {operation}: blocked now, by reason and cause
	MetricBlockedOldest   = "wakechain.blocked.oldest"   // gauge, s: how long the oldest of them has been, by reason and cause

	MetricStallsSuppressed = "wakechain.stalls.suppressed" // counter, {stall}: of connections that are not sampled, left out, by cause

	MetricOpenConnections   = "websocket.open_connections"   // up-down counter, {connection}
	MetricHandshakeDuration = "websocket.handshake.duration" // histogram, s
	MetricMessages          = "websocket.messages"           // counter, {message}: whole ones, by direction
	MetricMessageSize       = "websocket.message.size"       // histogram, By of payload, by direction
	MetricIO                = "websocket.io"                 // counter, By on the wire, by direction
	MetricWritesWaiting     = "websocket.writes.waiting"     // up-down counter, {write}: for another to be written
	MetricPongsIgnored      = "websocket.pongs.ignored"      // counter, {frame}: trace pongs that are not as they must be
)

// Attributes of WebSocket connections and messages.
const (
	WebSocketRoleKey               = attribute.Key("websocket.role")                      // string: client or server
	WebSocketMessageTypeKey        = attribute.Key("websocket.message.type")              // string: text or binary
	WebSocketMessageSizeKey        = attribute.Key("websocket.message.size")              // int, bytes of payload
	WebSocketMessageTakenKey       = attribute.Key("websocket.message.taken")             // int, bytes of it that the program had read, if the read ended before the message's end
	WebSocketMessageIndexKey       = attribute.Key("websocket.message.index")             // int, per direction, from 1
	WebSocketRunMessagesKey        = attribute.Key("websocket.run.messages")              // int, messages that share the span
	WebSocketRunFirstKey           = attribute.Key("websocket.run.first")                 // int, the index of the first of them
	WebSocketRunLastKey            = attribute.Key("websocket.run.last")                  // int, of the last
	WebSocketRunLongestKey         = attribute.Key("websocket.run.longest")               // float64, s that the longest took
	WebSocketRunIdleKey            = attribute.Key("websocket.run.idle")                  // float64, s in which none was in progress
	WebSocketFrameCountKey         = attribute.Key("websocket.frame.count")               // int
	WebSocketWireSizeKey           = attribute.Key("websocket.wire.size")                 // int, bytes with headers, as sent
	WebSocketSubprotocolKey        = attribute.Key("websocket.subprotocol")               // string
	WebSocketExtensionsKey         = attribute.Key("websocket.extensions")                // string
	WebSocketWriteTimeoutKey       = attribute.Key("websocket.write.timeout")             // float64, s: until its deadline; 0: it had none
	WebSocketFailedBeforeKey       = attribute.Key("websocket.write.failed_before")       // bool: it failed because an earlier one had
	WebSocketOtherWriteFunctionKey = attribute.Key("websocket.other_write.function.name") // string: where the write that was in progress at the same time began
	WebSocketOtherWriteLineKey     = attribute.Key("websocket.other_write.line.number")   // int
	WebSocketFrameErrorKey         = attribute.Key("websocket.frame.error")               // string: why frames are no longer counted
	WebSocketCloseCodeKey          = attribute.Key("websocket.close.code")                // int, of the first close frame
	WebSocketCloseInitiatorKey     = attribute.Key("websocket.close.initiator")           // string: local or remote, whose close frame came first
	WebSocketCloseCompletedKey     = attribute.Key("websocket.close.completed")           // bool: both sent a close frame
	WebSocketCloseWaitKey          = attribute.Key("websocket.close.wait")                // float64, seconds between the two close frames
	WebSocketCloseReasonKey        = attribute.Key("websocket.close.reason")              // string, the peer's; opt-in
	WebSocketCloseUnreadKey        = attribute.Key("websocket.close.unread")              // int, received bytes that were not read from the socket
	WebSocketConnectionIDKey       = attribute.Key("websocket.connection.id")             // string, the span id of the handshake, on all spans of the connection
	WebSocketSegmentIndexKey       = attribute.Key("websocket.segment.index")             // int, of a connection's traces; the handshake's is 0
	WebSocketHandshakeCheckKey     = attribute.Key("websocket.handshake.check")           // string: the check that failed

	// The last messages of an unsampled connection, by direction: docs/telemetry.md has the
	// format.
	WebSocketHistoryReceiveKey  = attribute.Key("websocket.history.receive")  // string
	WebSocketHistoryTransmitKey = attribute.Key("websocket.history.transmit") // string
	WebSocketReaderAwayKey      = attribute.Key("websocket.reader.away")      // float64, seconds in which nobody asked the connection for bytes, on a history: the time of the span

	// WebSocketTracePongIgnoredKey is an int on a close, unless it is 0: the peer's trace
	// pongs that were malformed or out of place (see docs/wire.md). Valid ones count in no
	// attribute, nor do their bytes: websocket.wire.size and websocket.frame.count are those
	// of the message.
	WebSocketTracePongIgnoredKey = attribute.Key("websocket.trace_pong.ignored")
)

// Attributes with an OpenTelemetry convention, as it spells them.
const (
	NetworkProtocolNameKey    = attribute.Key("network.protocol.name")
	NetworkIODirectionKey     = attribute.Key("network.io.direction")
	NetworkPeerAddressKey     = attribute.Key("network.peer.address")
	NetworkPeerPortKey        = attribute.Key("network.peer.port")
	NetworkLocalAddressKey    = attribute.Key("network.local.address")
	NetworkLocalPortKey       = attribute.Key("network.local.port")
	ServerAddressKey          = attribute.Key("server.address")
	ServerPortKey             = attribute.Key("server.port")
	ClientAddressKey          = attribute.Key("client.address")
	URLSchemeKey              = attribute.Key("url.scheme")
	URLPathKey                = attribute.Key("url.path")
	URLFullKey                = attribute.Key("url.full")
	HTTPResponseStatusCodeKey = attribute.Key("http.response.status_code")
	HTTPRouteKey              = attribute.Key("http.route")
	ErrorTypeKey              = attribute.Key("error.type")
	CodeFunctionNameKey       = attribute.Key("code.function.name")
	CodeFilePathKey           = attribute.Key("code.file.path")
	CodeLineNumberKey         = attribute.Key("code.line.number")
)

// Values of [ErrorTypeKey] that trace.ErrorType gives. Errors that are none of
// these have the name of their Go type.
const (
	ErrorCanceled          = "canceled"
	ErrorDeadlineExceeded  = "deadline_exceeded"
	ErrorClosed            = "closed"
	ErrorUnexpectedEOF     = "unexpected_eof"
	ErrorConnectionReset   = "connection_reset"
	ErrorConnectionRefused = "connection_refused"
	ErrorBrokenPipe        = "broken_pipe"
	ErrorPanic             = "panic"
	ErrorQueueFull         = "queue_full"
	ErrorExportFailed      = "export_failed"
	ErrorOther             = "_OTHER" // an error made by errors.New or fmt.Errorf, as the convention spells it
)
