package session

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Ping is one ping and the wait for its pong.
type Ping struct {
	s    *Session
	op   *trace.Op
	held bool // its turn, until its frame was written

	payload string                // once its frame was seen
	sent    time.Time             // when its frame had been written
	read    oteltrace.SpanContext // the read that the pong arrived in
}

// BeginPing begins a ping, and waits until no other is to be written: the next
// ping frame is its own. [Ping.End] must follow.
func (s *Session) BeginPing(ctx context.Context) *Ping {
	if s.off {
		return nil
	}
	p := &Ping{s: s, op: s.start(ctx, trace.SpanPing)}
	held := s.pinging.wait(ctx, p.op, s.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.held = held; held {
		s.out.ping = p
		s.out.pings = append(s.out.pings, p)
		s.out.waits(p.op)
	}
	return p
}

// End ends the ping: what followed the write of its frame was the wait.
func (p *Ping) End(err error) {
	if p == nil {
		return
	}
	s := p.s
	s.mu.Lock()
	s.passPing(p)
	if i := slices.Index(s.out.pings, p); i >= 0 {
		s.out.pings = slices.Delete(s.out.pings, i, i+1)
	}
	s.mu.Unlock()
	if !p.sent.IsZero() {
		p.op.Block(trace.ReasonPong, trace.At(p.sent), sourceTimed)
		switch {
		case err == nil:
			p.op.Wake(trace.WakeReceived, trace.CausedBy(p.read))
		case errors.Is(err, net.ErrClosed):
			p.op.Wake(trace.WakeClosed)
		default:
			p.op.Wake(trace.WakeCanceled)
		}
	}
	s.end(p.op, err, s.id)
}

var sourceTimed = trace.Evidence(trace.BlockSourceKey.String(string(trace.SourceTimed)))

// passPing lets the next ping write its frame.
func (s *Session) passPing(p *Ping) {
	if p.held {
		p.held = false
		s.out.ping = nil
		s.pinging.pass(call{op: p.op})
	}
}

// pinged returns the ping whose frame is being written, of which payload is
// what is known so far.
func (s *Session) pinged(payload []byte, complete bool) *trace.Op {
	p := s.out.ping
	if p == nil {
		return nil
	}
	if complete {
		p.payload = string(payload)
	}
	return p.op
}

// pingSent notes that what was leaving has been written: if that was the frame
// of a ping, its wait begins.
func (s *Session) pingSent() {
	if p := s.out.ping; p != nil && p.payload != "" {
		p.sent = time.Now()
		s.passPing(p)
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
