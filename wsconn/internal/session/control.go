package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Control is a control frame that the program sends, for the duration of the library's
// call. A nil Control does nothing.
type Control struct {
	s       *Session
	op      trace.Op
	opcode  frame.Opcode
	payload string

	// For a ping that waits for its pong.
	waits bool
	ctx   pingContext

	seen bool                  // its frame has been scanned
	sent time.Time             // when its frame had been sent
	read oteltrace.SpanContext // the read that received the pong
}

// BeginControl begins sending a control frame, for a library whose program writes it. The
// span is ping, pong, or write for a close frame. An answer is a child of the read that
// received the ping or close frame. A second close frame has no span, since no library
// sends one. [Control.End] must follow.
func (s *Session) BeginControl(ctx context.Context, opcode int, payload []byte) *Control { //nolint:contextcheck // an answer belongs to the read
	if s.off {
		return nil
	}
	c := &Control{s: s, opcode: frame.Opcode(opcode), payload: string(payload)}
	name := semconv.SpanWrite
	switch c.opcode {
	case frame.Ping:
		name = semconv.SpanPing
	case frame.Pong:
		name = semconv.SpanPong
	}
	s.mu.Lock()
	if s.in.reader.inside() && (c.opcode == frame.Pong || c.opcode == frame.Close && s.closing.received.seen()) {
		ctx = s.in.reader.context()
		s.in.answering = time.Time{} // the answer's own span shows the wait
	}
	closed := c.opcode == frame.Close && s.closing.sent.seen()
	s.mu.Unlock()
	if closed {
		return nil
	}
	c.op = s.start(ctx, name)
	s.mu.Lock()
	s.enterControl(c)
	s.mu.Unlock()
	return c
}

// enterControl notes that the program enters the library with c. The caller holds s.mu.
func (s *Session) enterControl(c *Control) {
	s.out.controls = append(s.out.controls, c)
	s.awaitLock(c.op)
}

// BeginPing begins a ping and the wait for its pong, for a library whose Ping waits. The
// library must be called with the context that [Control.Context] returns, and
// [Control.End] must follow.
//
// The library numbers a connection's pings in Ping, before it first uses the context.
// One ping at a time is between here and that point, which never blocks. So the number
// of each ping is known, however many wait for the library's lock or for their pongs.
func (s *Session) BeginPing(ctx context.Context) *Control {
	if s.off || ctx == nil { // a nil context is the library's to refuse
		return nil
	}
	c := &Control{s: s, op: s.start(ctx, semconv.SpanPing), opcode: frame.Ping, waits: true}
	c.ctx.Context, c.ctx.s = ctx, s
	s.pinging.Lock()
	s.mu.Lock()
	s.out.numbered++
	c.payload = strconv.FormatInt(s.out.numbered, 10)
	s.enterControl(c)
	s.mu.Unlock()
	return c
}

// Context returns the context for the library's call: BeginPing's, whose first use lets
// the next ping begin. A nil Control returns ctx.
func (c *Control) Context(ctx context.Context) context.Context {
	if c == nil {
		return ctx
	}
	return &c.ctx
}

// pingContext is the program's context. Its first use unlocks pinging.
type pingContext struct {
	context.Context
	s       *Session
	entered atomic.Bool
}

func (c *pingContext) enter() {
	if !c.entered.Swap(true) {
		c.s.pinging.Unlock()
	}
}

func (c *pingContext) Deadline() (time.Time, bool) {
	c.enter()
	return c.Context.Deadline()
}

func (c *pingContext) Done() <-chan struct{} {
	c.enter()
	return c.Context.Done()
}

func (c *pingContext) Err() error {
	c.enter()
	return c.Context.Err()
}

func (c *pingContext) Value(key any) any {
	c.enter()
	return c.Context.Value(key)
}

// End ends the operation with the library's error.
func (c *Control) End(err error) {
	if c == nil {
		return
	}
	s := c.s
	if c.waits {
		c.ctx.enter()
	}
	s.mu.Lock()
	if s.out.control == c {
		s.out.control = nil
	}
	if i := slices.Index(s.out.controls, c); i >= 0 {
		s.out.controls = slices.Delete(s.out.controls, i, i+1)
	}
	s.out.keepSpan(c.op)
	s.unlock()
	if err != nil {
		s.settleFailure(call{op: c.op})
	}
	if c.waits {
		c.endWait(err)
	}
	attrs := []attribute.KeyValue{s.id}
	if c.opcode == frame.Close {
		attrs = new(message).attributes(transmit, frame.Close, s.id, int64(len(c.payload)))
	}
	s.end(c.op, err, attrs...)
}

// endWait reports what ended the wait for the pong or, if the frame was not sent, for
// the library's lock.
func (c *Control) endWait(err error) {
	if !c.sent.IsZero() {
		c.op.Block(semconv.ReasonPong, trace.At(c.sent), sourceTimed)
	}
	switch {
	case err == nil:
		c.op.Wake(semconv.WakeReceived, trace.CausedBy(c.read))
	case errors.Is(err, net.ErrClosed):
		c.op.Wake(semconv.WakeClosed)
	case errors.Is(err, context.DeadlineExceeded): // the program's, or the library's own
		c.op.Wake(semconv.WakeDeadline)
	default:
		c.op.Wake(semconv.WakeCanceled)
	}
}

var sourceTimed = trace.Evidence(semconv.BlockSourceKey.String(string(semconv.SourceTimed)))

// controlOf returns the program's control frame that is being sent; nil if the frame is
// the library's own, or was not sent through a session. payload is what is known of the
// frame's. Until it is complete, controlOf returns nil while several frames match.
func (out *outbound) controlOf(h *frame.Header, payload []byte, complete bool) (found *Control) {
	for _, c := range out.controls {
		switch {
		case !c.matches(h, payload):
		case complete:
			return c
		case found != nil:
			return nil
		default:
			found = c
		}
	}
	return found
}

// matches reports whether a frame with the header h, whose payload begins with payload,
// may be c's: it has the same opcode, the same length, once that is known, and so far the
// same payload.
func (c *Control) matches(h *frame.Header, payload []byte) bool {
	switch {
	case c.seen || c.opcode != h.Opcode:
		return false
	case h.Size == 0: // the header is not complete
		return true
	}
	return h.Length == int64(len(c.payload)) && c.payload[:len(payload)] == string(payload)
}

// noteSeen notes that the whole frame of c is about to be sent; c may be nil.
func (out *outbound) noteSeen(c *Control, opcode frame.Opcode, payload []byte) {
	if opcode == frame.Ping { // also one that was not sent through a session
		if number, err := strconv.ParseInt(string(payload), 10, 64); err == nil {
			out.numbered = max(out.numbered, number)
		}
	}
	if c != nil {
		c.seen, out.control = true, c
	}
}

// noteControlSent notes that the frame has been sent, or has failed. The wait of a ping
// begins.
func (s *Session) noteControlSent(err error) {
	if c := s.out.control; c != nil {
		s.out.control = nil
		if err == nil {
			c.sent = time.Now()
		}
	}
}

// notePong notes the read that received a pong.
func (out *outbound) notePong(payload []byte, read oteltrace.SpanContext) {
	for _, c := range out.controls {
		if c.opcode == frame.Ping && c.seen && c.payload == string(payload) {
			c.read = read
		}
	}
}
