// Package session is the part of a traced WebSocket connection that does not
// depend on which library speaks the protocol: the handshake on either side,
// the bytes as they pass below the library, and the operations above it.
package session

import (
	"context"
	"strconv"
	"sync"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

// Session is one connection. Above the library its methods bracket the
// library's calls; below it, a wire carries the bytes and knows from the frames
// among them which operation is on the wire.
//
// Methods are safe for concurrent use. Of a connection that is not recorded
// they do nothing, and its bytes do not pass here.
type Session struct {
	tracer    *trace.Tracer
	handshake oteltrace.SpanContext
	off       bool // nothing is recorded; what follows is not used

	closeStatus func(error) int // of the library's errors, -1 for none
	closeReason bool            // record the peer's text
	conn        *netpoll.Conn   // reports block and wake
	writing     writeLock
	done        chan struct{} // closed with the connection

	mu    sync.Mutex
	in    inbound
	out   outbound
	close closeState
}

// newSession returns the session of a handshake whose span or, where nothing
// is recorded, whose span context ctx carries.
func newSession(ctx context.Context, t *trace.Tracer, recorded bool, cfg *Config, closeStatus func(error) int) *Session {
	s := &Session{tracer: t, handshake: oteltrace.SpanContextFromContext(ctx), off: !recorded}
	if recorded {
		s.closeStatus = closeStatus
		s.closeReason = cfg.CloseReason
		s.writing.held = make(chan struct{}, 1)
		s.done = make(chan struct{})
	}
	return s
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
	return oteltrace.ContextWithSpanContext(parent, s.handshake)
}

func (s *Session) start(ctx context.Context, name string, attrs ...attribute.KeyValue) *trace.Op {
	_, op := s.tracer.Start(s.below(ctx), name, attrs...)
	return op
}

// end ends an operation with the error that the library returned.
func (s *Session) end(op *trace.Op, err error, attrs ...attribute.KeyValue) {
	if code := s.closeStatus(err); code >= 0 {
		op.EndAs(closeErrorType(code), attrs...)
		return
	}
	op.End(err, attrs...)
}

// closeErrorType is the error.type of a close code, "" for a normal closure.
func closeErrorType(code int) string {
	if code == 1000 || code == 1001 {
		return ""
	}
	return strconv.Itoa(code)
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
