package wsconn

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"nhooyr.io/websocket"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Option configures [Accept], [Dial] and [Handler]. The last option of a kind
// wins, and an option that is given nil does nothing.
type Option = session.Option

// WithTracerProvider sets the provider of the spans. Without it they come from
// the tracer in the context (see trace.Tracer.NewContext), and else from the
// global provider.
func WithTracerProvider(p oteltrace.TracerProvider) Option { return session.WithTracerProvider(p) }

// WithMeterProvider sets the provider of the metrics. Without it they come from
// the tracer in the context, and else from the global provider. Connections that
// are not sampled are counted as well; docs/telemetry.md lists the metrics. For
// that, a message of such a connection passes through this package, which takes some
// hundred nanoseconds and no allocation, or less with package trace/meter. Where the
// provider is a no-op when the handshake begins, and so the global one until the program
// sets another, a connection that is not sampled costs nothing.
func WithMeterProvider(p metric.MeterProvider) Option { return session.WithMeterProvider(p) }

// WithPropagators sets how the trace travels in the handshake's headers.
// Without it it is the global propagator, otel's; and where none was set, W3C
// trace context and baggage.
func WithPropagators(p propagation.TextMapPropagator) Option { return session.WithPropagators(p) }

// WithCloseReason records the text of the peer's close frame in the close span.
// It is the peer's to choose, and not recorded by default.
func WithCloseReason() Option { return session.WithCloseReason() }

// WithoutPeerLinks switches trace pongs off: this side neither announces nor
// sends them. Without it they pass where both ends announced them, the reads of
// each link to the writes of the other, and a recorded message is 35 bytes
// longer, or 39 from a client; see docs/wire.md.
func WithoutPeerLinks() Option { return session.WithoutPeerLinks() }

// WithPublicEndpoint is for clients that are not trusted: nothing that they send decides
// what is recorded, or enters the context of the handler. The handshake that a server
// records is the root of a trace of its own, sampled by this side, and links to the
// client's span if that is sampled. Baggage and whatever else the headers carry is left
// out. Trace pongs, which would show a client the ids of this side's spans, are not
// agreed to unless [WithPublicPeerLinks] is given; [WithPeerParent] has no effect. A span
// of this process in the request's context is the parent as without this option.
func WithPublicEndpoint() Option { return session.WithPublicEndpoint() }

// WithPublicPeerLinks agrees to trace pongs at a public endpoint: see
// [WithPublicEndpoint]. Any client that asks for them is then shown the trace id and the
// span id of each recorded write.
func WithPublicPeerLinks() Option { return session.WithPublicPeerLinks() }

// WithPeerParent makes the work that a message causes a child of the peer's
// write rather than of this side's read ([Message.Context]), if a trace pong names
// that write.
func WithPeerParent() Option { return session.WithPeerParent() }

// WithAcceptOptions sets the options with which [Handler] accepts. They are
// copied.
func WithAcceptOptions(opts *websocket.AcceptOptions) Option {
	return session.WithAcceptOptions(opts)
}

// WithHandlerName names the goroutine that [Handler] runs for a request, as by its route;
// "" is the name that Handler was given. Names should be few. It may be called more
// than once for a request.
func WithHandlerName(f func(*http.Request) string) Option { return session.WithHandlerName(f) }

// WithAttributes adds attributes to the handshake that a server records, and to each
// segment of the connection. f is called only if the handshake may be recorded; what it
// returns is not changed.
func WithAttributes(f func(*http.Request) []attribute.KeyValue) Option {
	return session.WithAttributes(f)
}

// WithOnError has f called when a [Handler] refuses a handshake, or when its function
// returns an error. It is not called for a normal end: a close with 1000, 1001 or no
// code, or a context that ended. The context is the function's, before the connection is
// closed. Options of this kind add up.
func WithOnError(f func(context.Context, *http.Request, error)) Option {
	return session.WithOnError(f)
}

// WithLogger logs what [WithOnError] is called for, at level Error, with the context,
// the handler's name and the client's address. The default is to log nothing.
func WithLogger(l *slog.Logger) Option { return session.WithLogger(l) }

// WithAcceptOptionsFor has f choose the options with which [Handler] accepts a request.
// If it returns nil they are those of [WithAcceptOptions].
func WithAcceptOptionsFor(f func(*http.Request) *websocket.AcceptOptions) Option {
	return session.WithAcceptOptionsFor(f)
}

// WithMinBlock sets how long a block must last to have a span. A shorter one is
// in the totals block.count and block.duration of its operation. Without it, it
// is that of the tracer in the context, where 0, every block, is the default. A
// block and its wake cost about two microseconds and the export of two spans.
func WithMinBlock(d time.Duration) Option { return session.WithMinBlock(d) }

// Stalls are what [WithStalls] tells, and how much of it.
type Stalls = session.Stalls

// WithStalls tells of the stalls of connections that are not sampled, each as a trace of
// its own that is made afterwards:
//
//	wsconn.WithStalls(wsconn.Stalls{TracerProvider: tp})
//
// A write that was blocked for longer than After becomes a root span write, with its
// blocks and wakes, the kernel's evidence, and a link to the handshake's span context;
// and so does a read that was blocked in the midst of a message, an operation that
// failed, a close that failed or took so long, and a handshake that did or was refused. The attributes
// websocket.history.receive and websocket.history.transmit say what passed last, in
// each direction: see docs/telemetry.md. A block that goes on when After is over is told
// of then, by a span stalled below the operation's, which is exported when it is over. If
// the peer is of this module, too, and has this option, a trace pong asks it for its own
// history, in the same trace: a span history, over the time in which nobody read.
//
// After is how long a block must last; the default is a second. Blocks of one message add
// up. History is how many messages and control frames are kept of each direction: 12
// by default, 256 at most. PerSecond is how many stalls a process tells of in a second,
// of each cause: 10 by default; the others are counted by stalls.suppressed and the
// metric wakechain.stalls.suppressed. TracerProvider makes the spans; without it that of
// the connection does. Its sampler must take them: see lean.StallSampler.
//
// Nothing of a stall is in the context of the program, or in what it sends but for that
// trace pong. A failure that this side wanted is none: a context that was canceled, a
// connection that it closed; and a connection fails once. A connection that is sampled
// shows all this anyway, and costs nothing more.
//
// A message of a connection that is not sampled costs some tens of nanoseconds, and no
// allocation, and such a connection less than a kilobyte; the clock is read where a
// write parks, and for a read in the midst of a message. Times of the history are exact
// to 25 milliseconds.
func WithStalls(s Stalls) Option { return session.WithStalls(s) }

// MessageSpans says which reads and writes have spans.
type MessageSpans = session.MessageSpans

// Which reads and writes have spans. What was left out is counted, in spans, by
// spans.suppressed on the next span of the connection that was not.
const (
	// MessagesAuto is the default: the first 16 messages of a direction each have
	// their span, and from then on those that stall or fail. The others are told
	// together, in a span reads or writes for each second or 1,000 messages, which
	// says how many they were, which, how large, how long the longest took and how
	// long none was under way. A message is not told with others, either, where its
	// context has another span than that of the message before, where it took a
	// second or came a second later, nor with [WithTracePerMessage]. A message stalls
	// if one of its blocks lasts 10 ms or more, or the peer's window was closed; to
	// wait for a message to begin is a stall from a second on.
	//
	// So a short program shows its whole chain, and a busy connection in production
	// what held it up, and how much went on between. A message that is told with
	// others costs some hundred nanoseconds and allocates nothing.
	MessagesAuto = session.MessagesAuto

	// MessagesAll is all of them, one span a message: what a recorder of package
	// tracetest and a Pipe of package wstest ask for.
	MessagesAll = session.MessagesAll

	// MessagesBlocked are those that failed or were blocked: a write wherever it
	// parked or waited for another one; a read where it had to wait in the midst of
	// a message or of a write, since almost every read waits for its message to
	// begin. The span begins with the call, and shows the blocks from the first
	// one that is none of those waits. A message that has none costs about a
	// microsecond; links to it lead to the span that it was called in.
	MessagesBlocked = session.MessagesBlocked

	// MessagesNone is none of them.
	MessagesNone = session.MessagesNone
)

// WithMessageSpans sets which reads and writes have spans; the default is
// [MessagesAuto]. Pings, pongs and the close always have theirs.
func WithMessageSpans(x MessageSpans) Option { return session.WithMessageSpans(x) }

// WithTracePerMessage makes each read and write the root of a trace of its own,
// which links to the handshake and to the span in its context. The default is
// that they are in the connection's trace. One whose context carries a span of a
// trace that is not the connection's stays in that trace. It costs an id and a
// link or two for each message.
func WithTracePerMessage() Option { return session.WithTracePerMessage() }

// WithTraceBudget bounds what one trace has of a connection: when this side has
// made so many spans, or began it so long ago, what it does next is in a new
// trace. That one's root is a span segment, over at once, which begins with the first
// span below it, and links to the handshake and to the segment before. The default is
// 1,000 spans and 10 minutes: both ends of a connection may share a trace, and the page
// of Jaeger slows down above 2,000 spans. What is 0 or less is no bound. While one
// goroutine begins a trace, others go on in the one before, which may so have some spans
// more. It costs a reading of the clock for each operation.
//
// Below the segment is then what has no span in its context, and what has one
// of the connection's earlier traces, such as its handler's, with a
// link to that span. What has a span of another trace in its context stays in
// that trace, and does not count. The close is in the handshake's trace, and so
// is the rest of a goroutine that lives long; the close links to the segment that it ended.
//
// A segment is sampled as its handshake was, also by a sampler that decides
// by the trace's id, as far as the sampler can be told so.
func WithTraceBudget(spans int, age time.Duration) Option { return session.WithTraceBudget(spans, age) }
