package session

import (
	"context"
	"errors"
	"net"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Ping is one ping and the wait for its pong.
type Ping struct {
	s  *Session
	op *trace.Op

	payload string                // once its frame was seen
	sent    time.Time             // once its frame was written
	read    oteltrace.SpanContext // the read that the pong arrived in
}

// BeginPing begins a ping. [Ping.End] must follow.
func (s *Session) BeginPing(ctx context.Context) *Ping {
	if s.off {
		return nil
	}
	p := &Ping{s: s, op: s.start(ctx, trace.SpanPing)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.pings = append(s.out.pings, p)
	return p
}

// End ends the ping: what followed the write of its frame was the wait.
func (p *Ping) End(err error) {
	if p == nil {
		return
	}
	s := p.s
	s.mu.Lock()
	for i, q := range s.out.pings {
		if q == p {
			s.out.pings = append(s.out.pings[:i], s.out.pings[i+1:]...)
			break
		}
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
	s.end(p.op, err)
}

var sourceTimed = trace.Evidence(trace.BlockSourceKey.String(string(trace.SourceTimed)))

// pinging returns the ping whose frame is being written, of which payload is
// what is known so far. Where two have not been written yet the frame may be
// either's, and is nobody's.
func (out *outbound) pinging(payload []byte, complete bool) *trace.Op {
	var next *Ping
	for _, p := range out.pings {
		if p.payload != "" {
			continue
		}
		if next != nil {
			return nil
		}
		next = p
	}
	if next == nil {
		return nil
	}
	if complete {
		next.payload = string(payload)
	}
	return next.op
}

// pinged notes when the frame of a ping had been written.
func (out *outbound) pinged() {
	for _, p := range out.pings {
		if p.payload != "" && p.sent.IsZero() {
			p.sent = time.Now()
		}
	}
}

// answered notes the read in which a pong arrived.
func (out *outbound) answered(payload []byte, read oteltrace.SpanContext) {
	for _, p := range out.pings {
		if p.payload == string(payload) {
			p.read = read
		}
	}
}
