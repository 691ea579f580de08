package session

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// errorCloseNow is the error.type of a connection that the program ended
// without a close frame.
const errorCloseNow = "close_now"

// noStatus is the code of a close frame that has none, RFC 6455 §7.1.5.
const noStatus = 1005

// timeout is what both libraries give a control frame to be written, and a
// close frame to be answered.
const timeout = 5 * time.Second

// closing is how a connection comes to its end.
type closing struct {
	possible bool            // since the handshake is over
	begun    bool            // by the program
	op       trace.Op        // the program's Close or CloseNow
	told     bool            // as a span
	ended    bool            // the connection is closed
	asked    bool            // then, how much was unread
	unread   int             // bytes of the peer's
	ctx      context.Context // of CloseRead

	// The deadlines of a NetConn.
	readBy, writeBy time.Time

	err      error // of the connection below, the first
	sent     closeFrame
	received closeFrame
	answer   bool   // sent came after received
	reason   string // the peer's

	// judged is that the library closed by itself over what it read, and judge
	// the read in which it did.
	judged bool
	judge  trace.Op

	attrs []attribute.KeyValue // what had no other span to be said on
}

// closeFrame is the first close frame of one direction.
type closeFrame struct {
	at   time.Time
	code int
}

func (f closeFrame) seen() bool { return !f.at.IsZero() }

func newCloseFrame(payload []byte) closeFrame {
	f := closeFrame{time.Now(), noStatus}
	if code, ok := frame.CloseCode(payload); ok {
		f.code = code
	}
	return f
}

// send notes that the close frame with payload is being written, while reader
// reads, and reports whether it is the first. It is noted before the peer can
// answer it.
func (c *closing) send(payload []byte, reader trace.Op) (first bool) {
	if c.sent.seen() {
		return false
	}
	c.sent, c.answer = newCloseFrame(payload), c.received.seen()
	// The answer to a close frame that the library accepts repeats its code.
	if c.judged = !c.begun && c.sent.code != c.received.code; c.judged {
		c.judge = reader
	}
	return true
}

// unsend takes the close frame back that could not be written.
func (c *closing) unsend() {
	c.sent, c.judged, c.judge = closeFrame{}, false, trace.Op{}
}

func (c *closing) receive(payload []byte) {
	if c.received.seen() {
		return
	}
	c.received = newCloseFrame(payload)
	if len(payload) > 2 {
		c.reason = string(payload[2:])
	}
}

// failed notes what became of the connection below.
func (c *closing) failed(err error) {
	if err != nil && c.err == nil && !c.ended {
		c.err = err
	}
}

// verdict is the error.type of the read in which the library closed, by
// itself, over what it read; "" of any other.
func (c *closing) verdict(read trace.Op) string {
	if !c.judged || c.judge != read {
		return ""
	}
	return closeErrorType(c.sent.code)
}

// CloseRead notes the context with which the library reads by itself from now
// on.
func (s *Session) CloseRead(ctx context.Context) {
	if s.off {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.ctx == nil {
		s.closing.ctx = ctx
	}
}

// Close is the program's close of a connection. The zero Close does nothing.
type Close struct {
	s  *Session
	op trace.Op
}

// BeginClose begins the program's close. [Close.End] must follow. Only the
// first close of a connection that has not ended is told.
func (s *Session) BeginClose() Close {
	c := s.beginClose(s.home)
	c.waits()
	return c
}

// BeginCloseNow is BeginClose for a close that writes no close frame.
func (s *Session) BeginCloseNow() Close { return s.beginClose(s.home) }

func (s *Session) beginClose(ctx context.Context) Close {
	if s.off || !s.closable() {
		return Close{}
	}
	c := Close{s: s, op: s.startClose(ctx)}
	s.conn.CloseBy(c.op.SpanContext())
	s.mu.Lock()
	s.closing.op = c.op
	s.mu.Unlock()
	return c
}

// waits says that the close enters the library to write its frame.
func (c Close) waits() {
	if c.s != nil {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.s.out.waits(c.op)
	}
}

func (s *Session) closable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closing.begun && !s.closing.told
	s.closing.begun = true
	return first
}

// End ends the close with the library's error.
func (c Close) End(err error) {
	if c.s == nil {
		return
	}
	c.s.mu.Lock()
	c.s.closing.told = true
	typ, attrs, why := c.s.outcome(err)
	c.s.mu.Unlock()
	c.op.EndWithError(typ, why, attrs...)
}

// ended is called when the connection closes, by whomever.
func (s *Session) ended() {
	close(s.done)
	unread, asked := s.conn.Unread()
	s.mu.Lock()
	c := &s.closing
	c.unread, c.asked = unread, asked
	c.ended = true
	s.live.entry.Remove()
	wasOpen := c.possible
	untold := c.possible && !c.begun && !c.told
	c.told = c.told || untold
	s.mu.Unlock()
	if wasOpen {
		s.meter.opened(s.home, -1)
	}
	if untold {
		s.tellClose()
	}
	s.in.stream.Load().closed()
	s.out.stream.Load().closed()
}

// tellClose tells a close that is not the program's. It lasts from the first
// close frame, and is a child of the operation in which it happened, unless that
// is in a trace that is not the handshake's.
func (s *Session) tellClose() {
	s.mu.Lock()
	typ, attrs, why := s.outcome(nil)
	start := time.Now()
	if first, initiator := s.closing.first(); initiator != "" {
		start = first.at
	}
	by := s.in.reader
	if s.out.writer.expired() != nil {
		by = s.out.writer
	}
	ctx, moved, expired := s.home, false, by.expired() != nil
	if by.op.Valid() {
		ctx, moved = by.op.Context(), traceOf(by.op.Context()) != traceOf(by.ctx)
	}
	s.mu.Unlock()
	if !s.recorded {
		return
	}

	ctx, links := s.last(ctx, moved)
	if _, span := core.Of(s.tracer).Span(ctx, semconv.SpanClose, start, oteltrace.WithLinks(links...)); span != nil {
		if n := s.traces.aside.Suppressed(); n > 0 {
			attrs = append(attrs, semconv.SpansSuppressedKey.Int64(n))
		}
		if !expired { // that woke whoever is parked
			s.conn.CloseBy(span.SpanContext())
		}
		core.Of(s.tracer).Finish(span, start, typ, why, attrs...)
	}
}

// first returns the close frame that came first, and whose it was: "" where
// there was none.
func (c *closing) first() (f closeFrame, initiator string) {
	switch {
	case c.sent.seen() && !c.answer:
		return c.sent, "local"
	case c.received.seen():
		return c.received, "remote"
	default:
		return closeFrame{}, ""
	}
}

// outcome tells a close: who was first, with what code, and whether the other
// answered; and what ended the connection instead.
func (s *Session) outcome(err error) (errorType string, attrs []attribute.KeyValue, why error) {
	c := &s.closing
	completed := c.sent.seen() && c.received.seen()
	attrs = append(make([]attribute.KeyValue, 0, 10), s.id, semconv.WebSocketCloseCompletedKey.Bool(completed))
	attrs = append(attrs, c.attrs...)
	if c.asked {
		attrs = append(attrs, semconv.WebSocketCloseUnreadKey.Int(c.unread))
	}
	if s.in.ignored > 0 {
		attrs = append(attrs, semconv.WebSocketTracePongIgnoredKey.Int(s.in.ignored))
	}
	first, initiator := c.first()
	if initiator == "" {
		errorType, why = s.abnormal(err)
		return errorType, attrs, why
	}
	attrs = append(attrs,
		semconv.WebSocketCloseCodeKey.Int(first.code),
		semconv.WebSocketCloseInitiatorKey.String(initiator))
	if completed {
		wait := c.sent.at.Sub(c.received.at).Abs()
		attrs = append(attrs, semconv.WebSocketCloseWaitKey.Float64(wait.Seconds()))
	}
	if s.closeReason && c.reason != "" {
		attrs = append(attrs, semconv.WebSocketCloseReasonKey.String(strings.ToValidUTF8(c.reason, "\ufffd")))
	}
	if c.judged {
		first = c.sent
	}
	if errorType = closeErrorType(first.code); errorType != "" {
		return errorType, attrs, errors.New(closeText(first.code))
	}
	if !c.received.seen() {
		errorType, why = s.abnormal(err)
	}
	return errorType, attrs, why
}

// Why a connection ended where no error of a call says so.
var (
	errNoAnswer = errors.New("no close frame from the peer within 5 s")
	errNotSent  = errors.New("a control frame could not be written within 5 s")
	errCloseNow = errors.New("this side closed without a close frame")
	errDeadline = errors.New("a deadline of the NetConn has passed")
)

// abnormal is the error.type of a connection that ended otherwise than by both
// close frames, and what says more; err is what the program's Close returned.
func (s *Session) abnormal(err error) (string, error) {
	c := &s.closing
	switch {
	case errors.Is(c.err, io.EOF):
		return semconv.ErrorUnexpectedEOF, c.err
	case c.err != nil:
		return trace.ErrorType(c.err), c.err
	}
	for _, op := range []call{s.in.reader, s.out.writer, {ctx: c.ctx}} {
		if err := op.expired(); err != nil {
			return trace.ErrorType(err), err
		}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded) && c.sent.seen() && time.Since(c.sent.at) >= timeout:
		return semconv.ErrorDeadlineExceeded, errNoAnswer
	case err != nil:
		return trace.ErrorType(err), err
	case s.out.answers:
		return semconv.ErrorDeadlineExceeded, errNotSent
	case c.sent.seen() && time.Since(c.sent.at) >= timeout:
		return semconv.ErrorDeadlineExceeded, errNoAnswer
	case s.in.reader.inside() && passed(c.readBy), s.out.writer.inside() && passed(c.writeBy):
		return semconv.ErrorDeadlineExceeded, errDeadline
	case c.begun && !c.sent.seen():
		return errorCloseNow, errCloseNow
	default:
		return semconv.ErrorClosed, net.ErrClosed
	}
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }
