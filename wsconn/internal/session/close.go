package session

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Values of error.type for a connection that ended without a close frame, and
// the code of a close frame that has none (RFC 6455 §7.1.5).
const (
	errorCloseNow = "close_now"
	noStatus      = 1005
)

// closeState is how a connection comes to its end.
type closeState struct {
	op       *trace.Op // the program's Close or CloseNow
	begun    bool      // by the program
	told     bool      // as a span
	ended    bool
	library  bool  // the library sent its close frame by itself
	lastErr  error // of the connection
	sentAt   time.Time
	sentCode int
	recvAt   time.Time
	recvCode int
	reason   string // the peer's
}

func closeCode(payload []byte) int {
	if code, ok := frame.CloseCode(payload); ok {
		return code
	}
	return noStatus
}

func (c *closeState) sent(payload []byte) {
	if c.sentAt.IsZero() {
		c.sentAt, c.sentCode = time.Now(), closeCode(payload)
		c.library = !c.begun && c.recvAt.IsZero()
	}
}

func (c *closeState) received(payload []byte) {
	if c.recvAt.IsZero() {
		c.recvAt, c.recvCode = time.Now(), closeCode(payload)
		if len(payload) > 2 {
			c.reason = string(payload[2:])
		}
	}
}

// failed notes what became of the connection below.
func (c *closeState) failed(err error) {
	if err != nil && c.lastErr == nil && !c.ended {
		c.lastErr = err
	}
}

// byLibrary reports that the library closed over what it read, and the code.
func (c *closeState) byLibrary() (code int, ok bool) { return c.sentCode, c.library }

// Close is the program's close of a connection.
type Close struct {
	s  *Session
	op *trace.Op
}

// BeginClose begins the program's close. [Close.End] must follow. Only the
// first close of a connection that has not ended is told.
func (s *Session) BeginClose(ctx context.Context) Close {
	if s.off {
		return Close{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.close.begun || s.close.told {
		return Close{s: s}
	}
	s.close.begun = true
	s.close.op = s.start(ctx, trace.SpanClose)
	s.conn.ObserveClose(s.close.op)
	return Close{s: s, op: s.close.op}
}

// End ends the close, and with it the message that the program left unfinished.
func (c Close) End() {
	if c.s == nil {
		return
	}
	s := c.s
	s.mu.Lock()
	stream := s.out.stream
	s.out.stream = nil
	typ, attrs := s.outcome()
	s.close.told = true
	s.mu.Unlock()
	if stream != nil {
		stream.write.End(stream.size, net.ErrClosed)
	}
	c.op.EndAs(typ, attrs...)
}

// ended is called when the connection closes, by whomever. Where it was not
// the program, this is the only place to tell the close.
func (s *Session) ended() {
	close(s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close.ended = true
	if s.close.begun || s.close.told {
		return
	}
	s.close.told = true
	now := time.Now()
	start := now
	for _, t := range []time.Time{s.close.sentAt, s.close.recvAt} {
		if !t.IsZero() && t.Before(start) {
			start = t
		}
	}
	typ, attrs := s.outcome()
	s.tracer.Record(s.below(s.in.reader.Context()), trace.SpanClose, start, now, typ, attrs...)
}

// outcome tells a close: who was first, with what code, and whether the other
// answered; without any close frame, what ended the connection.
func (s *Session) outcome() (errorType string, attrs []attribute.KeyValue) {
	c := &s.close
	local, remote := !c.sentAt.IsZero(), !c.recvAt.IsZero()
	if !local && !remote {
		return s.abnormal(), []attribute.KeyValue{trace.WebSocketCloseCompletedKey.Bool(false)}
	}
	code, initiator, wait := c.sentCode, "local", c.recvAt.Sub(c.sentAt)
	if !local || remote && wait < 0 {
		code, initiator, wait = c.recvCode, "remote", -wait
	}
	attrs = append(attrs,
		trace.WebSocketCloseCodeKey.Int(code),
		trace.WebSocketCloseInitiatorKey.String(initiator),
		trace.WebSocketCloseCompletedKey.Bool(local && remote))
	if local && remote {
		attrs = append(attrs, trace.WebSocketCloseWaitKey.Float64(wait.Seconds()))
	}
	if s.closeReason && c.reason != "" {
		attrs = append(attrs, trace.WebSocketCloseReasonKey.String(strings.ToValidUTF8(c.reason, "\ufffd")))
	}
	return closeErrorType(code), attrs
}

// abnormal is the error.type of a connection that ended without a close frame.
func (s *Session) abnormal() string {
	switch {
	case errors.Is(s.close.lastErr, io.EOF):
		return trace.ErrorUnexpectedEOF
	case s.close.lastErr != nil:
		return trace.ErrorType(s.close.lastErr)
	}
	for _, op := range []*trace.Op{s.in.reader, s.out.writer} {
		if err := op.Context().Err(); err != nil {
			return trace.ErrorType(err)
		}
	}
	return errorCloseNow
}
