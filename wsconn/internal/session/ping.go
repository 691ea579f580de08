package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Ping is one ping and the wait for its pong.
type Ping struct {
	s      *Session
	op     trace.Op
	ctx    pingContext
	number int64 // which the library gives it, and writes as the payload

	payload string                // once its frame was seen
	sent    time.Time             // when its frame had been written
	read    oteltrace.SpanContext // the read that the pong arrived in
}

// BeginPing begins a ping. The library must be called with its [Ping.Context],
// and [Ping.End] must follow.
//
// Both libraries number a connection's pings, each in the call of Ping and before
// it looks at the context. From here until then one ping enters at a time, which
// takes no wait for anything: so which frame is whose is known, however many wait
// for the library's lock or for their pongs.
func (s *Session) BeginPing(ctx context.Context) *Ping {
	if s.off || ctx == nil { // which the library refuses
		return nil
	}
	p := &Ping{s: s, op: s.start(ctx, semconv.SpanPing)}
	p.ctx.Context, p.ctx.s = ctx, s
	s.pinging.Lock()
	s.mu.Lock()
	s.out.numbered++
	p.number = s.out.numbered
	s.out.pings = append(s.out.pings, p)
	s.out.waits(p.op)
	s.mu.Unlock()
	return p
}

// Context returns the context that the library is to be called with: ctx, whose
// first use lets the next ping enter.
func (p *Ping) Context(ctx context.Context) context.Context {
	if p == nil {
		return ctx
	}
	return &p.ctx
}

// pingContext is the program's context.
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

// End ends the ping: what followed the write of its frame was the wait.
func (p *Ping) End(err error) {
	if p == nil {
		return
	}
	p.ctx.enter()
	s := p.s
	s.mu.Lock()
	if s.out.ping == p {
		s.out.ping = nil
	}
	if i := slices.Index(s.out.pings, p); i >= 0 {
		s.out.pings = slices.Delete(s.out.pings, i, i+1)
	}
	s.mu.Unlock()
	if !p.sent.IsZero() {
		p.op.Block(semconv.ReasonPong, trace.At(p.sent), sourceTimed)
	}
	switch { // what ended the wait for the pong or, before the frame was sent, for the lock
	case err == nil:
		p.op.Wake(semconv.WakeReceived, trace.CausedBy(p.read))
	case errors.Is(err, net.ErrClosed):
		p.op.Wake(semconv.WakeClosed)
	case errors.Is(err, context.DeadlineExceeded): // the program's, or the library's own
		p.op.Wake(semconv.WakeDeadline)
	default:
		p.op.Wake(semconv.WakeCanceled)
	}
	s.end(p.op, err, s.id)
}

var sourceTimed = trace.Evidence(semconv.BlockSourceKey.String(string(semconv.SourceTimed)))

// pinged returns the ping whose frame is being written, of which payload is
// what is known so far: nil while it may be the one's or the other's, and for one
// of the program's own that did not come through here.
func (s *Session) pinged(payload []byte, complete bool) trace.Op {
	out := &s.out
	if !complete {
		if len(out.pings) == 1 && out.pings[0].payload == "" {
			return out.pings[0].op
		}
		return trace.Op{}
	}
	number, err := strconv.ParseInt(string(payload), 10, 64)
	if err != nil {
		return trace.Op{}
	}
	out.numbered = max(out.numbered, number)
	for _, p := range out.pings {
		if p.number == number && p.payload == "" {
			p.payload, out.ping = string(payload), p
			return p.op
		}
	}
	return trace.Op{}
}

// pingSent notes that what was leaving has been written, or failed: if that was
// the frame of a ping, its wait begins.
func (s *Session) pingSent(err error) {
	if p := s.out.ping; p != nil {
		s.out.ping = nil
		if err == nil {
			p.sent = time.Now()
		}
	}
}

// answered notes the read in which a pong arrived.
func (out *outbound) answered(payload []byte, read oteltrace.SpanContext) {
	for _, p := range out.pings {
		if p.payload != "" && p.payload == string(payload) {
			p.read = read
		}
	}
}
