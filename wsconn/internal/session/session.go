// Package session is the part of a traced WebSocket connection that does not
// depend on which library speaks the protocol: the handshake on either side,
// the bytes as they pass below the library, and the operations above it.
package session

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"go.opentelemetry.io/otel/trace/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/internal/outcome"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Session is one connection. Above the library its methods bracket the
// library's calls; below it, a wire carries the bytes and knows from the frames
// among them which operation is on the wire.
//
// Methods are safe for concurrent use. Of a connection of which neither spans
// nor metrics are recorded they do nothing, and its bytes do not pass here; but
// for those of a client that was promised that its trace pongs are taken off.
type Session struct {
	tracer    *trace.Tracer
	handshake oteltrace.Span  // stands for its span context
	home      context.Context // of the goroutine that handles the connection, for what has no context
	off       bool            // nothing is recorded; what follows is not used

	recorded bool // with spans; else with metrics alone
	id       attribute.KeyValue
	traces   traces        // of what is recorded
	silent   *trace.Tracer // of what is not
	meter    *meter

	closeStatus func(error) int // of the library's errors, -1 for none
	closeReason bool            // record the peer's text
	conn        *netpoll.Conn   // reports block and wake
	pongs       peerLinks       // trace pongs
	peerParent  bool            // the work that a message causes is a child of the peer's write
	writing     turn            // to write a message
	pinging     sync.Mutex      // a ping is about to be numbered
	done        chan struct{}   // closed with the connection
	live        registration

	mu      sync.Mutex // never held while a span is started or ended
	in      inbound
	out     outbound
	closing closing
	faulty  trace.Op           // whose frames could not be scanned, until it is said
	fault   attribute.KeyValue // what is to be said
}

// newSession returns the session of a handshake whose span or, where nothing
// is recorded, whose span context ctx carries.
func newSession(ctx context.Context, t *trace.Tracer, role string, recorded bool, cfg *Config, closeStatus func(error) int) *Session {
	s := &Session{
		tracer:    t,
		handshake: standIn(ctx),
		home:      context.Background(),
		recorded:  recorded,
		meter:     meterOf(ctx, t, role),
	}
	s.off = !recorded && s.meter == nil && !core.Of(t).Live()
	s.live.role = role
	if recorded {
		s.id = semconv.WebSocketConnectionIDKey.String(s.handshake.SpanContext().SpanID().String())
		s.beginTraces(cfg.volume, protocolName, semconv.WebSocketRoleKey.String(role), s.id)
	} else if !s.off {
		s.silent = t.With(trace.WithTracerProvider(noop.NewTracerProvider()))
	}
	if !s.off {
		s.closeStatus = closeStatus
		s.closeReason = cfg.CloseReason
		s.peerParent = cfg.PeerParent && !cfg.PublicEndpoint
		s.writing.mu, s.writing.meter = &s.mu, s.meter
		s.done = make(chan struct{})
	}
	return s
}

// standIn is a span that has the span context of the one in ctx and nothing
// else: the handshake's own is over before the connection is.
func standIn(ctx context.Context) oteltrace.Span {
	return oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(ctx, oteltrace.SpanContextFromContext(ctx)))
}

// established says that the handshake is over and the connection the program's.
func (s *Session) established(ctx context.Context) {
	s.live.locate(s.conn)
	s.mu.Lock()
	s.closing.possible = true
	open := !s.closing.ended
	if open {
		s.register()
	}
	s.mu.Unlock()
	if open {
		s.meter.opened(ctx, 1)
	}
}

// Context returns a copy of parent that carries the connection's tracer and,
// where parent carries no span, the span context of its handshake.
func (s *Session) Context(parent context.Context) context.Context {
	return s.tracer.NewContext(s.below(parent))
}

func (s *Session) below(parent context.Context) context.Context {
	if oteltrace.SpanContextFromContext(parent).IsValid() {
		return parent
	}
	return oteltrace.ContextWithSpan(parent, s.handshake)
}

// end ends an operation with the error that the library returned.
func (s *Session) end(op trace.Op, err error, attrs ...attribute.KeyValue) {
	if err == nil {
		op.End(nil, attrs...)
		return
	}
	if code := s.closeStatus(err); code >= 0 {
		op.EndWithError(closeErrorType(code), err, attrs...)
		return
	}
	// The library closes the connection when the operation's context ends, and
	// may return the one or the other.
	if ctx := op.Context(); ctx.Err() != nil && errors.Is(err, net.ErrClosed) {
		err = ctx.Err()
	}
	op.End(err, attrs...)
}

// ErrorType classifies what a connection's method returned, as error.type.
func (s *Session) ErrorType(err error) string {
	if !s.off {
		if code := s.closeStatus(err); code >= 0 {
			return closeErrorType(code)
		}
	}
	return trace.ErrorType(err)
}

// closeErrorType is the error.type of a close code, "" for a normal closure: also
// without a code, as a browser's close() has it.
func closeErrorType(code int) string {
	if code == 1000 || code == 1001 || code == noStatus {
		return ""
	}
	return strconv.Itoa(code)
}

// CloseErrors tells package trace the errors that have a close code. closeStatus
// returns it, -1 for none. Their text may quote the peer's close reason, and is not
// used.
func CloseErrors(closeStatus func(error) int) {
	outcome.Register(func(err error) (outcome.Outcome, bool) {
		code := closeStatus(err)
		if code < 0 {
			return outcome.Outcome{}, false
		}
		return outcome.Outcome{Type: closeErrorType(code), Text: closeText(code)}, true
	})
}

// closeText says what a close frame with a code says.
func closeText(code int) string {
	text := "close frame " + strconv.Itoa(code)
	if meaning := meanings[code]; meaning != "" {
		text += " (" + meaning + ")"
	}
	return text
}

// meanings are those of RFC 6455 §7.4.1 and of IANA's registry.
var meanings = map[int]string{
	1002: "protocol error",
	1003: "unsupported data",
	1007: "invalid payload data",
	1008: "policy violation",
	1009: "message too big",
	1010: "mandatory extension",
	1011: "internal error",
	1012: "service restart",
	1013: "try again later",
	1014: "bad gateway",
}

// call is an operation while the program is inside the library with it. Its op
// is nil where its ctx is not sampled; the zero call is none.
type call struct {
	ctx context.Context
	op  trace.Op
}

func (c call) inside() bool { return c.ctx != nil }

// origin is the span that links to the call lead to: its own, or as long as it
// has none, the one that it was called in.
func (c call) origin() oteltrace.SpanContext {
	if sc := c.op.SpanContext(); sc.IsValid() || c.ctx == nil {
		return sc
	}
	if sc := oteltrace.SpanContextFromContext(c.ctx); sc.IsSampled() {
		return sc
	}
	return oteltrace.SpanContext{}
}

// context is what an operation that this one causes is started with.
func (c call) context() context.Context {
	switch {
	case c.op.Valid():
		return c.op.Context()
	case c.ctx != nil:
		return c.ctx
	default:
		return context.Background()
	}
}

// expired is why the call's context ended, or nil.
func (c call) expired() error {
	if c.ctx == nil {
		return nil
	}
	return c.ctx.Err()
}
