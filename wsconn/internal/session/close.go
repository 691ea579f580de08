package session

import (
	"context"
	"errors"
	"fmt"
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

// errorCloseNow is the error.type of a connection that the program closed without a
// close frame.
const errorCloseNow = "close_now"

// closing is the state of a connection's end.
type closing struct {
	established bool            // the handshake is over
	byProgram   bool            // the program has called Close or CloseNow
	op          trace.Op        // of that call
	reported    bool            // the span close has been made
	done        bool            // the connection below is closed
	unreadKnown bool            // unread is known
	unread      int             // received bytes that were not read at the close
	ctx         context.Context // of CloseRead

	// The deadlines of a NetConn.
	readBy, writeBy time.Time

	err      error // the first error of the connection below
	sent     closeFrame
	received closeFrame
	answer   bool   // sent came after received
	reason   string // the peer's

	// judged means that the library closed the connection by itself because of what it
	// read, in the read judge.
	judged bool
	judge  trace.Op

	attrs []attribute.KeyValue // that no other span could report
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

// noteSent notes that a close frame is about to be sent, while reader reads, and
// reports whether it is the first. byProgram: the program wrote it. It is called before
// sending, since the peer may answer at once.
func (c *closing) noteSent(payload []byte, reader trace.Op, byProgram bool) (first bool) {
	if c.sent.seen() {
		return false
	}
	c.sent, c.answer = newCloseFrame(payload), c.received.seen()
	// Answering a close frame that it accepts, the library repeats the code.
	if c.judged = !byProgram && !c.byProgram && c.sent.code != c.received.code; c.judged {
		c.judge = reader
	}
	return true
}

// forgetSent undoes noteSent: the close frame could not be sent.
func (c *closing) forgetSent() {
	c.sent, c.judged, c.judge = closeFrame{}, false, trace.Op{}
}

func (c *closing) noteReceived(payload []byte) {
	if c.received.seen() {
		return
	}
	c.received = newCloseFrame(payload)
	if len(payload) > 2 {
		c.reason = string(payload[2:])
	}
}

// noteError notes the first error of the connection below.
func (c *closing) noteError(err error) {
	if err != nil && c.err == nil && !c.done {
		c.err = err
	}
}

// verdict returns the error.type of read if the library closed the connection by itself
// because of what it read there; else "".
func (c *closing) verdict(read trace.Op) string {
	if !c.judged || c.judge != read {
		return ""
	}
	return closeErrorType(c.sent.code)
}

// CloseRead notes that the library reads by itself from now on, with ctx.
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

	// For stalls: when the close began, and whether it performs the closing handshake.
	since time.Time
	sends bool
}

// BeginClose begins a close that performs the closing handshake. [Close.End] must
// follow. Only the first close of a connection that is not closed yet has a span.
func (s *Session) BeginClose() Close { return s.beginClose(s.base, true) }

// BeginCloseNow is BeginClose for a close that sends no close frame.
func (s *Session) BeginCloseNow() Close { return s.beginClose(s.base, false) }

func (s *Session) beginClose(ctx context.Context, sends bool) Close {
	var since time.Time
	if s.stalls != nil {
		since = time.Now()
	}
	if s.off && s.stalls != nil {
		return Close{s: s, since: since, sends: sends}
	}
	if s.off || !s.firstClose() {
		return Close{}
	}
	c := Close{s: s, op: s.startClose(ctx), since: since, sends: sends}
	s.conn.CloseBy(c.op.SpanContext())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.op = c.op
	if sends {
		s.awaitLock(c.op)
	}
	return c
}

func (s *Session) firstClose() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closing.byProgram && !s.closing.reported
	s.closing.byProgram = true
	return first
}

// End ends the close with the library's error.
func (c Close) End(err error) {
	if c.s == nil {
		return
	}
	defer c.s.stalls.closeEnded(c.since, c.sends, err)
	if c.s.off {
		return
	}
	c.s.mu.Lock()
	c.s.closing.reported = true
	typ, attrs, why := c.s.outcome(err)
	c.s.unlock()
	c.op.EndWithError(typ, why, attrs...)
}

// closed is called when the library or the program closes the connection below.
func (s *Session) closed() {
	close(s.done)
	unread, known := s.conn.Unread()
	s.mu.Lock()
	c := &s.closing
	c.unread, c.unreadKnown, c.done = unread, known, true
	s.live.entry.Remove()
	wasOpen := c.established
	report := c.established && !c.byProgram && !c.reported
	inside := s.inside()
	s.endRuns()
	c.reported = c.reported || report
	if report {
		s.deferred = append(s.deferred, s.closeReport())
	}
	if !s.out.pongs.sending {
		if run := s.out.pongs.end(); run.count > 0 {
			s.deferred = append(s.deferred, func() { s.reportPongs(run, nil) })
		}
	}
	if s.in.stream.Load() != nil || s.out.stream.Load() != nil {
		s.deferred = append(s.deferred, func() {
			s.in.stream.Load().closed()
			s.out.stream.Load().closed()
		})
	}
	nothing := len(s.deferred) == 0
	s.mu.Unlock()
	if wasOpen {
		s.meter.addOpen(-1)
	}
	if !inside && !nothing {
		go s.finish()
	}
}

// finish runs what was deferred. It is called if no call of the program does so.
func (s *Session) finish() {
	s.mu.Lock()
	s.unlock()
}

// isClosed reports whether the connection is closed.
func (s *Session) isClosed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// closeReport returns a function that reports a close that the program did not make.
// Its span begins with the first close frame. It is a child of the operation during
// which the connection closed, unless that is in another trace than the handshake's.
// The caller holds s.mu.
func (s *Session) closeReport() func() {
	typ, attrs, why := s.outcome(nil)
	start := time.Now()
	if first, initiator := s.closing.first(); initiator != "" {
		start = first.at
	}
	by := s.in.reader
	if s.lib.expired(s.out.writer) != nil {
		by = s.out.writer
	}
	ctx, moved, expired := s.base, false, s.lib.expired(by) != nil
	if by.op.Valid() {
		ctx, moved = by.op.Context(), traceOf(by.op.Context()) != traceOf(by.ctx)
	}
	woken := []trace.Op{s.in.reader.op, s.out.writer.op, s.out.last}
	return func() {
		if !s.recorded {
			return
		}
		ctx, links := s.placeClose(ctx, moved)
		if _, span := core.Of(s.tracer).Span(ctx, semconv.SpanClose, start, oteltrace.WithLinks(links...)); span != nil {
			if n := s.traces.unbounded.Suppressed(); n > 0 {
				attrs = append(attrs, semconv.SpansSuppressedKey.Int64(n))
			}
			if !expired { // else the context woke those that were parked, not the close
				s.conn.CloseBy(span.SpanContext())
				for _, op := range woken { // they were woken before the span began
					core.Ref(op).NameWake(string(semconv.WakeClosed), span.SpanContext())
				}
			}
			core.Of(s.tracer).Finish(span, start, typ, why, attrs...)
		}
	}
}

// first returns the first close frame of either direction, and its initiator: "local",
// "remote", or "" if there was no close frame.
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

// outcome describes a close: which side sent the first close frame, its code, and
// whether the other side answered; or what ended the connection instead. err is the
// result of the program's Close.
func (s *Session) outcome(err error) (errorType string, attrs []attribute.KeyValue, why error) {
	c := &s.closing
	completed := c.sent.seen() && c.received.seen()
	attrs = append(make([]attribute.KeyValue, 0, 10), s.id, semconv.WebSocketCloseCompletedKey.Bool(completed))
	attrs = append(attrs, c.attrs...)
	if c.unreadKnown {
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

// Reasons for the end of a connection that no call's error states.
var (
	errCloseNow = errors.New("this side closed without a close frame")
	errDeadline = errors.New("a deadline of the NetConn has passed")
)

// noAnswer returns an error if the peer has not answered the close frame in time; nil
// while it still may.
func (s *Session) noAnswer() error {
	if c := &s.closing; s.lib.CloseTimeout > 0 && c.sent.seen() && time.Since(c.sent.at) >= s.lib.CloseTimeout {
		return fmt.Errorf("no close frame from the peer within %s", text(s.lib.CloseTimeout))
	}
	return nil
}

// text formats d in seconds.
func text(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// abnormal returns the error.type of a connection that ended without both close frames,
// and an error with details. err is the result of the program's Close.
func (s *Session) abnormal(err error) (string, error) {
	c := &s.closing
	switch {
	case errors.Is(c.err, io.EOF):
		return semconv.ErrorUnexpectedEOF, c.err
	case c.err != nil:
		return trace.ErrorType(c.err), c.err
	}
	for _, call := range []call{s.in.reader, s.out.writer, {ctx: c.ctx}} {
		if err := s.lib.expired(call); err != nil {
			return trace.ErrorType(err), err
		}
	}
	late := s.noAnswer()
	switch {
	case errors.Is(err, context.DeadlineExceeded) && late != nil:
		return semconv.ErrorDeadlineExceeded, late
	case err != nil:
		return trace.ErrorType(err), err
	case s.out.answers:
		return semconv.ErrorDeadlineExceeded, fmt.Errorf("a control frame could not be written within %s", text(s.lib.ControlTimeout))
	case late != nil:
		return semconv.ErrorDeadlineExceeded, late
	case s.in.reader.inside() && passed(c.readBy), s.out.writer.inside() && passed(c.writeBy):
		return semconv.ErrorDeadlineExceeded, errDeadline
	case c.byProgram && !c.sent.seen():
		return errorCloseNow, errCloseNow
	default:
		return semconv.ErrorClosed, net.ErrClosed
	}
}

func passed(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }
