package session

import (
	"context"
	"errors"
	"net"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	"go.opentelemetry.io/otel/trace/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// The directions of a connection, as indices.
const (
	inward = iota
	outward
)

// Session is one connection. Above the library, its methods bracket the library's
// calls. Below it, a wire passes the bytes on, and finds from the frames in them which
// operation sends or receives.
//
// Methods are safe for concurrent use. If nothing of a connection is recorded, and it is
// not watched for stalls, they do nothing, and a session takes less than 300 bytes. The
// bytes then pass through a wire only if the client was promised that trace pongs are
// stripped.
type Session struct {
	tracer    *trace.Tracer
	handshake oteltrace.Span  // carries the span context alone
	base      context.Context // for calls without a context: of the goroutine that handles the connection
	off       bool            // nothing is recorded
	stalls    *stalls         // nil: it is sampled, or stalls are not reported

	*recording // nil: nothing is recorded, and no trace pongs are stripped
}

// recording is the state of a connection that is recorded.
type recording struct {
	recorded bool // with spans; otherwise only with metrics, or for package live
	id       attribute.KeyValue
	traces   traces
	silent   *trace.Tracer // makes no spans
	meter    *meter
	light    *light // nil: reads and writes are operations

	lib         *Library
	closeReason bool          // record the peer's text
	conn        *netpoll.Conn // reports block and wake
	wire        *wire         // over conn
	pongs       peerLinks
	peerParent  bool // the work that a message causes is a child of the peer's write
	writing     writeLock
	pinging     sync.Mutex    // held while a ping is about to be numbered
	done        chan struct{} // closed with the connection
	live        registration

	mu       sync.Mutex // never held while a span is started or ended
	in       inbound
	out      outbound
	closing  closing
	deferred []func()           // run once no lock of the library is held
	faulty   trace.Op           // the operation whose frames could not be scanned, until that is reported
	fault    attribute.KeyValue // the attribute to report on it
}

// newSession returns the session of a handshake whose span, or span context if nothing
// is recorded, is in ctx. links: the peer's trace pongs are stripped.
func newSession(ctx context.Context, t *trace.Tracer, role string, recorded, links bool, cfg *Config, lib *Library) *Session {
	s := &Session{tracer: t, handshake: standIn(ctx), base: context.Background()}
	m := meterOf(ctx, t, role)
	if !recorded && cfg.stalls != nil {
		s.stalls = stallsOf(s, role, cfg, lib)
	}
	if s.off = !recorded && m == nil && !core.Of(t).Live(); s.off && !links {
		return s
	}
	r := &recording{
		recorded: recorded, meter: m, lib: lib, closeReason: cfg.CloseReason,
		peerParent: cfg.PeerParent && !cfg.PublicEndpoint, done: make(chan struct{}),
	}
	s.recording = r
	r.live.role = role
	r.in.frames.On, r.in.frames.Masked = links, role == roleServer
	r.pongs.client = role == roleClient
	r.writing.mu, r.writing.meter = &r.mu, m
	if recorded {
		r.id = semconv.WebSocketConnectionIDKey.String(s.handshake.SpanContext().SpanID().String())
		s.beginTraces(cfg.volume, protocolName, semconv.WebSocketRoleKey.String(role), r.id)
	} else if !s.off {
		r.silent = t.With(trace.WithTracerProvider(noop.NewTracerProvider()))
		if !core.Of(t).Live() {
			r.light = newLight(s)
		}
	}
	return s
}

// standIn returns a span that carries only the span context in ctx, since the
// handshake's own span ends before the connection.
func standIn(ctx context.Context) oteltrace.Span {
	return oteltrace.SpanFromContext(oteltrace.ContextWithSpanContext(ctx, oteltrace.SpanContextFromContext(ctx)))
}

// established notes that the handshake has succeeded.
func (s *Session) established() {
	if s.off {
		return
	}
	s.live.locate(s.conn)
	s.mu.Lock()
	s.closing.established = true
	open := !s.closing.done
	if open {
		s.register()
	}
	s.mu.Unlock()
	if open {
		s.meter.addOpen(1)
	}
}

// unlock unlocks s.mu for a call that has left the library, and runs what was deferred
// until then.
func (s *Session) unlock() {
	left := s.deferred
	s.deferred = nil
	s.mu.Unlock()
	for _, do := range left {
		do()
	}
}

// inside reports whether a call of the program is inside the library. That call runs
// what is deferred when it leaves. The caller holds s.mu.
func (s *Session) inside() bool {
	return s.in.reader.inside() || s.out.writer.inside() || len(s.out.controls) > 0 || s.closing.byProgram && !s.closing.reported
}

// Context returns a copy of parent that carries the connection's tracer and, if parent
// carries no span, the handshake's span context.
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
	if code := s.lib.CloseStatus(err); code >= 0 {
		op.EndWithError(closeErrorType(code), err, attrs...)
		return
	}
	// If the library closes the connection when the context of an operation ends, it
	// may return either error.
	if expired := s.lib.expired(call{ctx: op.Context()}); expired != nil && errors.Is(err, net.ErrClosed) {
		err = expired
	}
	op.End(err, attrs...)
}

// ErrorType returns the error.type of an error of the connection's methods.
func (s *Session) ErrorType(err error) string {
	if !s.off {
		if code := s.lib.CloseStatus(err); code >= 0 {
			return closeErrorType(code)
		}
	}
	return trace.ErrorType(err)
}

// call is a call of the program that is inside the library. Its op is the zero Op if the
// call is not followed. The zero call stands for no call.
type call struct {
	ctx context.Context
	op  trace.Op
}

func (c call) inside() bool { return c.ctx != nil }

// origin returns the span for links to the call: its own or, until it has one, the
// sampled span in its context.
func (c call) origin() oteltrace.SpanContext {
	if sc := c.op.SpanContext(); sc.IsValid() || c.ctx == nil {
		return sc
	}
	if sc := oteltrace.SpanContextFromContext(c.ctx); sc.IsSampled() {
		return sc
	}
	return oteltrace.SpanContext{}
}

// span returns the span of the call or, until it has one, the span in its context.
func (c call) span() oteltrace.SpanContext {
	if sc := c.op.SpanContext(); sc.IsValid() {
		return sc
	}
	return oteltrace.SpanContextFromContext(c.context())
}

// context returns the context for an operation that this one causes.
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
