package session

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// light is the state of a connection that is only measured. Its reads and writes are no
// operations; their parks are measured individually. Rare calls, such as a ping, a
// close, or a write that waits for another, are operations all the same.
type light struct {
	s       *Session
	in, out parks

	// waits is when the current write began to wait for the library's lock; zero: it
	// does not wait. s.mu guards it.
	waits time.Time

	// spans caches the span of the last context of reads and of writes, which rarely
	// changes. That of reads is the current read's, if there is one. s.mu guards it.
	spans [2]struct {
		in   context.Context
		span oteltrace.SpanContext
	}
	sampled atomic.Bool // spans[inward].span is sampled
}

// spanOf returns the span for exemplars of what call c records, if a producer collects
// them. The caller holds s.mu.
func (s *Session) spanOf(c call, along int) (sc oteltrace.SpanContext) {
	switch {
	case s.meter == nil || s.meter.sizes[along] == nil && s.meter.reads == nil || c.ctx == nil:
		return sc
	case s.light == nil || c.op.Valid():
		return c.span()
	}
	last := &s.light.spans[along]
	if !identical(last.in, c.ctx) {
		last.in, last.span = c.ctx, oteltrace.SpanContextFromContext(c.ctx)
		if along == inward {
			s.light.sampled.Store(last.span.IsSampled())
		}
	}
	return last.span
}

// identical reports whether a and b are the same context. Comparing them with == may
// panic, and takes longer.
func identical(a, b context.Context) bool {
	return *(*[2]unsafe.Pointer)(unsafe.Pointer(&a)) == *(*[2]unsafe.Pointer)(unsafe.Pointer(&b))
}

func newLight(s *Session) *light {
	l := &light{s: s}
	l.in.light, l.out.light, l.in.inward = l, l, true
	return l
}

// measureBlock measures a block of a read or a write that is no operation.
func (l *light) measureBlock(c call, reason semconv.Reason, cause string, d time.Duration) {
	core.Of(l.s.silent).MeasureBlock(c.context(), string(reason), cause, d)
}

// observeRead reports the parks of the following read of the connection to op. Without
// an operation, a light connection measures them.
func (s *Session) observeRead(op trace.Op) {
	l := s.light
	if l == nil || op.Valid() {
		s.conn.TraceRead(op)
		return
	}
	if !l.in.observing {
		l.in.observing = true
		s.conn.TimeRead(&l.in)
	}
}

func (s *Session) observeWrite(op trace.Op) {
	l := s.light
	if l == nil || op.Valid() {
		s.conn.TraceWrite(op)
		return
	}
	if !l.out.observing {
		l.out.observing = true
		s.conn.ObserveWrite(&l.out)
	}
}

// unobserveRead ends observeRead: TLS may read and write on its own afterwards.
func (s *Session) unobserveRead(op trace.Op) {
	if l := s.light; l != nil && !op.Valid() {
		l.in.inside.Store(false)
		return
	} else if l != nil {
		l.in.observing = false
	}
	s.conn.TraceRead(trace.Op{})
}

func (s *Session) unobserveWrite(op trace.Op) {
	if l := s.light; l != nil && !op.Valid() {
		l.out.inside.Store(false)
		return
	} else if l != nil {
		l.out.observing = false
	}
	s.conn.TraceWrite(trace.Op{})
}

// parks measures the parks of one direction, while a message's call is inside the
// library.
type parks struct {
	light  *light
	inward bool
	inside atomic.Bool

	observing bool // the connection reports to this; only the reading or writing goroutine uses it

	mu       sync.Mutex
	since    time.Time // of the park in progress; zero: none
	reason   semconv.Reason
	cause    string // as known at the park
	evidence []attribute.KeyValue
}

var _ netpoll.Timer = (*parks)(nil)

// Blocked measures a block of a read.
func (p *parks) Blocked(d time.Duration) {
	if p.inside.Load() {
		p.light.measurePark(p, semconv.ReasonNetRead, "", d)
	}
}

// Park notes a park.
func (p *parks) Park(park netpoll.Park) {
	if !p.inside.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() {
		return
	}
	p.since, p.reason, p.cause = park.At, park.Reason, ""
	p.noteCause(park.Evidence)
}

// Wake measures the block, unless the park was not noted.
func (p *parks) Wake(w netpoll.Wake) {
	p.mu.Lock()
	since, reason := p.since, p.reason
	p.since = time.Time{}
	if since.IsZero() || w.Reason == "" {
		p.mu.Unlock()
		return
	}
	if !p.inward {
		p.noteCause(w.Evidence)
	}
	cause := p.cause
	p.mu.Unlock()
	if w.At.IsZero() {
		w.At = time.Now()
	}
	p.light.measurePark(p, reason, cause, max(w.At.Sub(since), 0))
}

// noteCause sets the cause from the evidence of a block. The caller holds mu.
func (p *parks) noteCause(e netpoll.Evidence) {
	if e == nil {
		return
	}
	p.evidence = e.AppendTo(p.evidence[:0])
	for _, a := range p.evidence {
		if a.Key == semconv.BlockCauseKey {
			p.cause = a.Value.AsString()
		}
	}
}

// measurePark measures a block of d, with the context of the current call.
func (l *light) measurePark(p *parks, reason semconv.Reason, cause string, d time.Duration) {
	s := l.s
	m := s.meter
	if m.reads != nil && reason == semconv.ReasonNetRead && cause == "" {
		m.reads.RecordTo(&m.tally.reads, int64(d))
		runtime.KeepAlive(m)
		if l.sampled.Load() {
			s.mu.Lock()
			in := l.spans[inward].span
			s.mu.Unlock()
			m.reads.Note(in, int64(d))
		}
		return
	}
	s.mu.Lock()
	c := s.out.writer
	if p.inward {
		c = s.in.reader
	}
	s.mu.Unlock()
	l.measureBlock(c, reason, cause, d)
}

// describe adds a park in progress to package live's description of a call; c may be
// nil.
func (p *parks) describe(c *live.Call, operation string) {
	if c == nil {
		return
	}
	p.mu.Lock()
	since, reason := p.since, p.reason
	p.mu.Unlock()
	if p.inward && since.IsZero() && p.inside.Load() {
		since, reason = p.light.s.conn.TimedPark(), semconv.ReasonNetRead
	}
	if since.IsZero() {
		return
	}
	c.Op, c.Operation, c.Began = p, operation, since
	c.Wait = &live.Wait{Op: p, Operation: operation, Reason: string(reason), Since: since, On: p.light.s}
}

// waitForTurn waits for the write lock. A write of a light connection becomes an
// operation for that.
func (s *Session) waitForTurn(w *Write) bool {
	if s.light != nil {
		w.op = s.startUnrecorded(w.ctx, semconv.SpanWrite)
	}
	return s.writing.lock(w.ctx, w.op, s.done)
}

// lockWait ends the current write's wait for the library's lock, and returns a function
// that measures it; nil: it has not waited. The caller holds s.mu.
func (s *Session) lockWait() func() {
	l := s.light
	if l == nil || l.waits.IsZero() {
		return nil
	}
	c, d := s.out.writer, time.Since(l.waits)
	l.waits = time.Time{}
	return func() { l.measureBlock(c, semconv.ReasonWriteLock, "", d) }
}

// leaveLockWait is lockWait for a write that leaves the library. The caller holds s.mu.
func (s *Session) leaveLockWait() {
	if f := s.lockWait(); f != nil {
		s.deferred = append(s.deferred, f)
	}
}

// enterLight notes that a frame is about to be sent. If the frame is the write's, it
// returns the result of lockWait. The caller holds s.mu.
func (s *Session) enterLight() func() {
	l := s.light
	if l == nil {
		return nil
	}
	own := s.out.writer.inside() && (!s.out.answers || s.out.writerType.IsControl())
	l.out.inside.Store(own || s.out.answers && s.in.reader.inside())
	if !own {
		return nil
	}
	return s.lockWait()
}

// measureAnswer measures how long the read c has waited to answer a frame, since the
// given time.
func (s *Session) measureAnswer(c call, since time.Time) {
	if s.light != nil && c.inside() && !since.IsZero() {
		s.light.measureBlock(c, semconv.ReasonWriteLock, "", time.Since(since))
	}
}
