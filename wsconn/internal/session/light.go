package session

import (
	"context"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// light is what a session has of a connection that is measured and nothing else: its
// reads and writes are no operations, and their parks are measured by themselves. What is
// rare, as a ping, a close or a write that waits for another, is an operation all the same.
type light struct {
	s       *Session
	in, out parks

	// waits is since when the write that the program is inside the library with has waited
	// for the library's lock; zero: it does not. The session's mu guards it.
	waits time.Time

	// spans are those in the contexts that reads and writes had last, as a rule the same
	// ones each time. The session's mu guards them.
	spans [2]struct {
		in   context.Context
		span oteltrace.SpanContext
	}
}

// spanOf is what a value that a call measures is an exemplar of, where a producer collects
// it. The caller holds s.mu.
func (s *Session) spanOf(c call, along int) (sc oteltrace.SpanContext) {
	switch {
	case s.meter == nil || s.meter.sizes[along] == nil || c.ctx == nil:
		return sc
	case s.light == nil || c.op.Valid():
		return c.span()
	}
	last := &s.light.spans[along]
	if last.in == c.ctx {
		return last.span
	}
	sc = oteltrace.SpanContextFromContext(c.ctx)
	if last.in, last.span = nil, sc; reflect.TypeOf(c.ctx).Kind() == reflect.Pointer { // so that comparing does not panic
		last.in = c.ctx
	}
	return sc
}

func newLight(s *Session) *light {
	l := &light{s: s}
	l.in.light, l.out.light, l.in.inward = l, l, true
	return l
}

// measure measures a block of a read or a write that is no operation.
func (l *light) measureBlock(c call, reason semconv.Reason, cause string, d time.Duration) {
	core.Of(l.s.silent).MeasureBlock(c.context(), string(reason), cause, d)
}

// observeRead has op observe the read of the connection that follows, and observeWrite the
// write. Where there is no operation, the parks of a light connection are observed.
func (s *Session) observeRead(op trace.Op) {
	l := s.light
	if l == nil || op.Valid() {
		s.conn.TraceRead(op)
		return
	}
	if !l.in.observing {
		l.in.observing = true
		s.conn.ObserveRead(&l.in)
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

// unobserveRead ends that, and unobserveWrite: TLS may write by itself.
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

// parks measures the parks of one direction, while the program is inside the library with
// a message.
type parks struct {
	light  *light
	inward bool
	inside atomic.Bool

	observing bool // the connection, which belongs to whoever reads or writes it

	mu       sync.Mutex
	park     netpoll.Park // that goes on; of none At is zero
	cause    string       // that was known at the park
	evidence []attribute.KeyValue
}

var _ netpoll.Observer = (*parks)(nil)

// Park notes a park.
func (p *parks) Park(park netpoll.Park) {
	if !p.inside.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.park.At.IsZero() {
		return
	}
	p.cause = ""
	p.noteCause(park.Evidence)
	p.park = park
}

// Wake measures the block, unless there was none.
func (p *parks) Wake(w netpoll.Wake) {
	p.mu.Lock()
	park := p.park
	p.park = netpoll.Park{}
	if park.At.IsZero() || w.Reason == "" {
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
	p.light.measurePark(p, park.Reason, cause, max(w.At.Sub(park.At), 0))
}

// learn takes the cause from what is known of a block. The caller holds mu.
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

// parked measures a block.
func (l *light) measurePark(p *parks, reason semconv.Reason, cause string, d time.Duration) {
	s := l.s
	s.mu.Lock()
	c := s.out.writer
	if p.inward {
		c = s.in.reader
	}
	s.mu.Unlock()
	m := s.meter
	if m.reads == nil || reason != semconv.ReasonNetRead || cause != "" {
		l.measureBlock(c, reason, cause, d)
		return
	}
	m.reads.RecordTo(&m.tally.reads, int64(d))
	m.reads.Note(c.span(), int64(d))
	runtime.KeepAlive(m)
}

// describe adds a park that goes on to what package live shows of a call; nil: there is none.
func (p *parks) describe(c *live.Call, operation string) {
	if c == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.park.At.IsZero() {
		return
	}
	c.Op, c.Operation, c.Began = p, operation, p.park.At
	c.Wait = &live.Wait{Op: p, Operation: operation, Reason: string(p.park.Reason), Since: p.park.At, On: p.light.s}
}

// waitForTurn is [writeLock.lock] for a write, which is an operation from here on.
func (s *Session) waitForTurn(w *Write) bool {
	if s.light != nil {
		w.op = s.startUnrecorded(w.ctx, semconv.SpanWrite)
	}
	return s.writing.lock(w.ctx, w.op, s.done)
}

// lockWait ends the wait of the write that the program is inside the library with for the
// library's lock, and returns what measures it; nil: it has not waited. The caller holds
// s.mu.
func (s *Session) lockWait() func() {
	l := s.light
	if l == nil || l.waits.IsZero() {
		return nil
	}
	c, d := s.out.writer, time.Since(l.waits)
	l.waits = time.Time{}
	return func() { l.measureBlock(c, semconv.ReasonWriteLock, "", d) }
}

// leaveLockWait is lockWait for a write that leaves the library.
func (s *Session) leaveLockWait() {
	if f := s.lockWait(); f != nil {
		s.deferred = append(s.deferred, f)
	}
}

// enterLight notes that a frame is about to be sent. It returns what lockWait does, if the
// frame is the write's. The caller holds s.mu.
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

// measureAnswer measures that the read c has waited since then to answer a frame.
func (s *Session) measureAnswer(c call, since time.Time) {
	if s.light != nil && c.inside() && !since.IsZero() {
		s.light.measureBlock(c, semconv.ReasonWriteLock, "", time.Since(since))
	}
}
