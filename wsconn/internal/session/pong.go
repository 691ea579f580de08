package session

import (
	"context"
	"errors"
	"net"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// A peer can cause any number of pongs by its pings, so pongs have a budget of their
// own: some are reported individually, and beyond that those of a few seconds as one
// span, a run.
const (
	pongBurst = 4                // runs that may be reported in a row
	pongEvery = 10 * time.Second // adds one to them
	pongSpans = 16               // maximum spans of a run
)

// pongs is the state of the library's answers to the peer's pings. s.mu guards it.
type pongs struct {
	run     pongRun
	sending bool // a pong is being sent
	whole   bool // its last byte is being sent

	tokens int       // runs that may be reported now
	since  time.Time // when tokens was updated
	timer  *time.Timer
}

// pongRun is the pongs that are reported as one span.
type pongRun struct {
	op    trace.Op // the zero Op: there is no run
	ctx   context.Context
	count int
	last  time.Time
}

// pong returns the operation of the pong that is being sent because of ctx's operation.
// Its span begins later, when no lock of the library is held.
func (s *Session) pong(ctx context.Context) trace.Op {
	s.mu.Lock()
	op := s.out.pongs.run.op
	s.out.pongs.sending = true
	s.mu.Unlock()
	if op.Valid() {
		return op
	}
	op = s.startPong(ctx)
	s.mu.Lock()
	s.out.pongs.run = pongRun{op: op, ctx: ctx}
	s.mu.Unlock()
	return op
}

// startPong begins the operation of a run, in the current segment even if that is full.
func (s *Session) startPong(ctx context.Context) trace.Op {
	c := core.Config{Name: semconv.SpanPong, Context: ctx, On: s}
	tracer := s.silent
	if s.recorded {
		tracer = s.tracer
		seg, sc := s.traces.current.Load(), oteltrace.SpanContextFromContext(ctx)
		if !sc.IsValid() || sc.IsSampled() && !seg.holds(ctx, sc) && s.owns(sc) {
			m := s.move(seg, ctx, sc, semconv.SpanRead)
			c.Context, c.Links = m.to, m.links
		}
		c.Budget = s.traces.unbounded.Next(pongSpans)
	}
	c.Held, c.Late = true, true
	return trace.Op(core.Of(tracer).Start(c, false))
}

// endPong notes that sending the pong has ended with err. The caller holds s.mu.
func (s *Session) endPong(err error) {
	p := &s.out.pongs
	if !p.sending || !p.whole && err == nil {
		return
	}
	p.sending = false
	now := time.Now()
	p.run.count++
	p.run.last = now
	switch {
	case err != nil:
		run := p.end()
		s.deferred = append(s.deferred, func() { s.reportPongs(run, err) })
		if !s.inside() {
			go s.finish()
		}
	case p.take(now):
		run := p.end()
		go s.reportPongs(run, nil)
	case p.timer == nil:
		p.timer = time.AfterFunc(pongEvery, func() {
			s.mu.Lock()
			run := s.out.pongs.end()
			s.mu.Unlock()
			s.reportPongs(run, nil)
		})
	}
}

// take takes a token, and reports whether there was one.
func (p *pongs) take(now time.Time) bool {
	if more := int(now.Sub(p.since) / pongEvery); more > 0 { // since is zero at first
		p.tokens, p.since = min(p.tokens+more, pongBurst), now
	}
	if p.tokens == 0 {
		return false
	}
	p.tokens--
	return true
}

// end ends and returns the run.
func (p *pongs) end() (run pongRun) {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	run, p.run = p.run, pongRun{}
	return run
}

// reportPongs ends the span of a run.
func (s *Session) reportPongs(run pongRun, err error) {
	if run.count == 0 {
		return
	}
	attrs := []attribute.KeyValue{s.id}
	if run.count > 1 {
		attrs = append(attrs, semconv.WebSocketFrameCountKey.Int(run.count))
	}
	typ := trace.ErrorType(err)
	if expired := s.lib.expired(call{ctx: run.ctx}); expired != nil && errors.Is(err, net.ErrClosed) {
		typ = ""
	}
	core.Ref(run.op).End(&core.End{Time: run.last, ErrorType: typ, Err: err, Attrs: attrs})
}
