package wsconn

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Option configures connections. Of options of one kind the last one wins, unless its
// documentation says that they add up. An option that is given nil does nothing.
type Option = session.Option

// WithTracerProvider sets the provider of the spans. The default is the provider of the
// tracer in the context (see trace.Tracer.NewContext), or else the global one.
func WithTracerProvider(p oteltrace.TracerProvider) Option { return session.WithTracerProvider(p) }

// WithMeterProvider sets the provider of the metrics, which docs/telemetry.md lists.
// The default is the provider of the tracer in the context, or else the global one.
// Connections that are not sampled are measured, too. A message of such a connection
// then costs some hundred nanoseconds, or less with package trace/meter, and no
// allocation. If the provider is a no-op when the handshake begins, a connection that
// is not sampled costs nothing; the global one is a no-op until the program sets
// another.
func WithMeterProvider(p metric.MeterProvider) Option { return session.WithMeterProvider(p) }

// WithPropagators sets how the trace travels in the handshake's headers. The default is
// otel's global propagator or, if none was set, W3C trace context and baggage.
func WithPropagators(p propagation.TextMapPropagator) Option { return session.WithPropagators(p) }

// WithCloseReason records the text of the peer's close frame in the close span. It is
// not recorded by default, since the peer chooses it.
func WithCloseReason() Option { return session.WithCloseReason() }

// WithoutPeerLinks switches trace pongs off: this side neither announces nor sends
// them. By default they are sent if both ends announce them. Then the reads of each end
// link to the writes of the other, and a recorded message is 35 bytes longer, or 39
// from a client; see docs/wire.md.
func WithoutPeerLinks() Option { return session.WithoutPeerLinks() }

// WithPublicEndpoint is for clients that are not trusted: nothing that they send
// decides what is recorded, or enters the handler's context. The handshake of a server
// is the root of a trace of its own, sampled by this side, and links to the client's
// span if that is sampled. Baggage and other contents of the headers are ignored. So
// are requests for trace pongs, which would show a client the ids of this side's spans,
// unless [WithPublicPeerLinks] is given. [WithPeerParent] has no effect. A span of this
// process in the request's context is the parent all the same.
func WithPublicEndpoint() Option { return session.WithPublicEndpoint() }

// WithPublicPeerLinks allows trace pongs at a public endpoint: see
// [WithPublicEndpoint]. Any client that asks for them receives the trace id and the
// span id of each recorded write.
func WithPublicPeerLinks() Option { return session.WithPublicPeerLinks() }

// WithPeerParent makes the work that a message causes a child of the peer's write
// rather than of this side's read ([Message.Context]), if a trace pong names that
// write.
func WithPeerParent() Option { return session.WithPeerParent() }

// WithHandlerName sets the name of the goroutine that [Handler] runs for a request,
// such as its route; "" stands for Handler's own name. Use few names. f may be called
// more than once for a request.
func WithHandlerName(f func(*http.Request) string) Option { return session.WithHandlerName(f) }

// WithAttributes adds attributes to a server's handshake span, and to each segment of
// the connection. f is called only if the handshake may be recorded. Its result is not
// changed.
func WithAttributes(f func(*http.Request) []attribute.KeyValue) Option {
	return session.WithAttributes(f)
}

// WithOnError sets a function that is called when a [Handler] refuses a handshake, or
// when its function returns an error. A normal end is no error: a close with 1000, 1001
// or no code, or a context that ended. The context is that of the Handler's function,
// before the connection is closed. Options of this kind add up.
func WithOnError(f func(context.Context, *http.Request, error)) Option {
	return session.WithOnError(f)
}

// WithLogger logs the errors of [WithOnError] at level Error, with the context, the
// handler's name and the client's address. By default nothing is logged.
func WithLogger(l *slog.Logger) Option { return session.WithLogger(l) }

// WithMinBlock sets how long a block must last to have a span. Shorter ones are in the
// operation's totals, block.count and block.duration. The default is the minimum of the
// tracer in the context, and that is 0, every block, by default. A block and its wake
// cost about two microseconds and the export of two spans.
func WithMinBlock(d time.Duration) Option { return session.WithMinBlock(d) }

// Stalls configures [WithStalls].
type Stalls = session.Stalls

// WithStalls reports the stalls of connections that are not sampled. Each is a trace of
// its own, made afterwards:
//
//	wsconn.WithStalls(wsconn.Stalls{TracerProvider: tp})
//
// A write that was blocked for longer than After is a root span write, with its blocks
// and wakes, the kernel's evidence, and a link to the handshake's span context. The
// same holds for a read that was blocked in the middle of a message, an operation that
// failed, a close that failed or took longer than After, and a handshake that took
// longer or was refused. The attributes websocket.history.receive and
// websocket.history.transmit list the last messages in each direction: see
// docs/telemetry.md. A block that lasts longer than After is reported while it lasts,
// by a span stalled below the operation's span, which is exported when the operation
// ends. If the peer uses this option, too, a trace pong asks for its history. The peer
// adds that to the same trace: a span history, over the time in which it did not read.
//
// After is how long a block must last; the default is a second. Blocks of one message
// are added up. History is how many messages and control frames of each direction are
// kept: 12 by default, 256 at most. PerSecond limits how many stalls of each cause a
// process reports in a second: 10 by default. Further ones are counted by
// stalls.suppressed and the metric wakechain.stalls.suppressed. TracerProvider makes
// the spans; the default is the connection's provider. Its sampler must accept them:
// see lean.StallSampler.
//
// The program's contexts, and what it sends apart from that trace pong, contain nothing
// of a stall. A failure that this side caused is not reported: a context that was
// canceled, a connection that it closed. A connection fails once. A sampled connection
// shows all this anyway, and costs nothing more.
//
// A message of a connection that is not sampled costs some tens of nanoseconds and no
// allocation, and the connection less than a kilobyte. The clock is read only when a
// write parks, or a read in the middle of a message. Times in a history are exact to 25
// milliseconds.
func WithStalls(s Stalls) Option { return session.WithStalls(s) }

// MessageSpans selects which reads and writes have spans.
type MessageSpans = session.MessageSpans

// The values of MessageSpans. Suppressed spans are counted by spans.suppressed on the next
// span of the connection.
const (
	// MessagesAuto is the default. The first 16 messages of a direction have spans of
	// their own, and after that those that stall or fail. The others share spans: one
	// span, reads or writes, for each second or 1,000 messages. It has the number of
	// messages, their indices, their size, the longest duration, and the time in which
	// none was in progress. A message stalls if one of its blocks lasts 10 ms or more,
	// or if the peer's window was closed. Waiting for a message to begin is a stall
	// from one second on. A message also has its own span if its context has another
	// span than that of the message before, if it took a second or came a second later,
	// and with [WithTracePerMessage].
	//
	// So a short program shows its whole chain. A busy connection in production shows
	// what delayed it, and how much happened in between. A message that shares a span
	// costs some hundred nanoseconds and allocates nothing.
	MessagesAuto = session.MessagesAuto

	// MessagesAll gives each message a span. A recorder of package tracetest and a Pipe
	// of package wstest ask for it.
	MessagesAll = session.MessagesAll

	// MessagesBlocked gives a span to messages that failed or were blocked: a write if
	// it parked or waited for another one; a read if it waited in the middle of a
	// message or for a write, since almost every read waits for its message to begin.
	// The span begins with the call, and shows the blocks from the first one that
	// counts. A message without a span costs about a microsecond; links to it name the
	// span in its context.
	MessagesBlocked = session.MessagesBlocked

	// MessagesNone gives no message a span.
	MessagesNone = session.MessagesNone
)

// WithMessageSpans sets which reads and writes have spans; the default is
// [MessagesAuto]. Pings, pongs and the close always have spans.
func WithMessageSpans(x MessageSpans) Option { return session.WithMessageSpans(x) }

// WithTracePerMessage makes each read and write the root of a trace of its own, with
// links to the handshake and to the span in its context. By default they are in the
// connection's trace. An operation whose context carries a span of another trace than
// the connection's stays in that trace. It costs an id and one or two links for each
// message.
func WithTracePerMessage() Option { return session.WithTracePerMessage() }

// WithTraceBudget limits the part of a connection that is in one trace. When this side
// has made that many spans in it, or has begun it that long ago, the next operations
// are in a new trace. Its root is a span segment, which begins with the first span
// below it, ends at once, and links to the handshake and to the segment before. The
// default is 1,000 spans and 10 minutes: both ends of a connection may share a trace,
// and Jaeger's page slows down above 2,000 spans. A value of 0 or less means no limit.
// While one goroutine begins a trace, others continue in the one before, which may
// exceed its limit by some spans. It costs a reading of the clock for each operation.
//
// Operations without a span in their context are then below the segment. So are those
// with a span of an earlier trace of the connection, such as its handler's, and they
// link to that span. An operation with a span of any other trace stays in that trace,
// and does not count. The close is in the handshake's trace, and so is the rest of a
// long-lived goroutine; the close links to the last segment.
//
// A segment is sampled like its handshake, as far as the sampler allows, even if that
// decides by trace id.
func WithTraceBudget(spans int, age time.Duration) Option { return session.WithTraceBudget(spans, age) }
