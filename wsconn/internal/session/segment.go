package session

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// segment is the part of a connection that is in one trace. The first is in the
// handshake's trace, and each of the others below a span of its own, its root. In
// contexts the segment stands for its root.
type segment struct {
	noop.Span
	s      *Session
	index  int
	before oteltrace.SpanContext // the last recorded root of an earlier segment
	share  *core.Budget

	state atomic.Uint32
	root  oteltrace.SpanContext // once state is begun
	start time.Time             // of the root

	since   atomic.Int64 // nanoseconds from traces.began: its start, or when it was last renewed
	busy    atomic.Bool  // there were more spans than the budget allows: see [MessagesAuto]
	counted int64        // share.Wanted at since; guarded by traces.rolling

	// moved caches the last context of reads and of writes, below the root.
	moved [2]atomic.Pointer[moved]
}

// moved is a context of the program with a segment as its span. Calls of a connection
// usually have the same context, so it is made once for each segment.
type moved struct {
	from, to context.Context
	links    []oteltrace.Link // to the span in from, if any
}

// move returns ctx below the segment's root, with links to sc, its span in another
// trace of the connection.
func (s *Session) move(seg *segment, ctx context.Context, sc oteltrace.SpanContext, name string) *moved {
	last := &seg.moved[0]
	if name == semconv.SpanWrite {
		last = &seg.moved[1]
	}
	if m := last.Load(); m != nil && identical(m.from, ctx) {
		return m
	}
	m := &moved{from: ctx, to: oteltrace.ContextWithSpan(ctx, seg)}
	if sc.IsValid() {
		m.links = s.links(sc)[1:]
	}
	last.Store(m)
	return m
}

// traces are the traces that a connection is in.
type traces struct {
	volume
	name    string               // of each segment's span
	attrs   []attribute.KeyValue // of each segment's span
	began   time.Time
	rolling sync.Mutex        // held while the next segment is made
	first   oteltrace.TraceID // the handshake's
	current atomic.Pointer[segment]

	// unbounded is the budget of spans in other traces than the segments'. It has no
	// limit.
	unbounded *core.Budget
}

func (s *Session) beginTraces(v volume, attrs ...attribute.KeyValue) {
	t := &s.traces
	t.volume, t.attrs, t.unbounded, t.began = v, attrs, core.NewBudget(0), time.Now()
	root := s.handshake.SpanContext()
	t.first = root.TraceID()
	g := &segment{s: s, before: root, root: root, start: t.began, share: t.unbounded.Next(v.spans)}
	g.state.Store(begun)
	t.current.Store(g)
}

// segment returns the segment of an operation that begins now.
func (s *Session) segment() *segment {
	t := &s.traces
	seg := t.current.Load()
	if !t.over(seg) || !t.rolling.TryLock() {
		return seg
	}
	defer t.rolling.Unlock()
	if seg = t.current.Load(); !t.over(seg) {
		return seg
	}
	wanted := seg.share.Wanted()
	busy := t.spans > 0 && wanted-seg.counted >= int64(t.spans)
	if seg.state.Load() == begun {
		seg = &segment{s: s, index: seg.index + 1, before: seg.recorded(), share: t.unbounded.Next(t.spans)}
		wanted = 0
	}
	seg.counted = wanted
	seg.busy.Store(busy)
	seg.since.Store(int64(time.Since(t.began)))
	t.current.Store(seg)
	return seg
}

// over reports whether the segment is used up. Then the next one follows or, if nothing
// of it is recorded, it is renewed.
func (t *traces) over(seg *segment) bool {
	return t.age > 0 && time.Since(t.began)-time.Duration(seg.since.Load()) >= t.age || seg.share.Spent()
}

// links returns links to the handshake and to sc, unless that is the handshake itself
// or not recorded.
func (s *Session) links(sc oteltrace.SpanContext) []oteltrace.Link {
	links := []oteltrace.Link{{SpanContext: s.handshake.SpanContext()}}
	if sc.IsSampled() && sc.SpanID() != s.handshake.SpanContext().SpanID() {
		links = append(links, oteltrace.Link{SpanContext: sc})
	}
	return links
}

// owns reports whether sc is in the trace of the current segment, of the one before, or
// of the handshake.
func (s *Session) owns(sc oteltrace.SpanContext) bool {
	id, seg := sc.TraceID(), s.traces.current.Load()
	return id == s.traces.first || id == seg.before.TraceID() || id == seg.SpanContext().TraceID()
}

// place returns how an operation with ctx begins. If ctx has a span of another trace
// than the connection's, the operation is its child: limiting that trace is up to the
// program. Else it is in the current segment, with a link to ctx's span if that is in
// an earlier one.
func (s *Session) place(ctx context.Context, name string, message bool) (c core.Config, sampled bool, seg *segment) {
	sc := oteltrace.SpanContextFromContext(ctx)
	if sc.IsValid() && (!sc.IsSampled() || !s.owns(sc)) {
		return core.Config{Name: name, Context: ctx, Budget: s.traces.unbounded, On: s}, sc.IsSampled(), s.traces.current.Load()
	}
	seg = s.segment()
	c = core.Config{Name: name, Context: ctx, Budget: seg.share, On: s}
	switch {
	case message && s.traces.perMessage:
		c.Budget = s.traces.unbounded.Next(s.traces.spans)
		c.Root, c.Links = s.handshake.SpanContext(), s.links(sc)
	case !sc.IsValid() || !seg.holds(ctx, sc):
		m := s.move(seg, ctx, sc, name)
		c.Context, c.Links = m.to, m.links
	}
	return c, false, seg
}

// start begins an operation that is not a message. Its blocks are reported when it ends
// or is released: until then the library may hold a lock.
func (s *Session) start(ctx context.Context, name string) trace.Op {
	if !s.recorded {
		return s.startUnrecorded(ctx, name)
	}
	c, sampled, _ := s.place(ctx, name, false)
	c.Held = true
	return trace.Op(core.Of(s.tracer).Start(c, sampled))
}

// startMessage begins a read or a write.
func (s *Session) startMessage(ctx context.Context, name string) trace.Op {
	if s.light != nil {
		return trace.Op{}
	}
	if !s.recorded {
		return s.startUnrecorded(ctx, name)
	}
	c, sampled, seg := s.place(ctx, name, true)
	c.Show, c.Held = s.traces.show(name, seg.busy.Load()), true
	if s.likeLast(ctx, name) {
		c.Show, c.Stalls = untilShown(name), isStall
	}
	return trace.Op(core.Of(s.tracer).Start(c, sampled))
}

// startClose begins a close. It is in the handshake's trace, and links to the last
// segment.
func (s *Session) startClose(ctx context.Context) trace.Op {
	if !s.recorded {
		return s.startUnrecorded(ctx, semconv.SpanClose)
	}
	ctx, links := s.placeClose(ctx, false)
	c := core.Config{Name: semconv.SpanClose, Context: ctx, Budget: s.traces.unbounded, Links: links, On: s, Held: true}
	return trace.Op(core.Of(s.tracer).Start(c, false))
}

// placeClose returns the context of a close that was observed in ctx, and its links.
// moved: ctx is not the program's context, but one that place returned.
func (s *Session) placeClose(ctx context.Context, moved bool) (context.Context, []oteltrace.Link) {
	cause := s.traces.current.Load().SpanContext()
	sc := oteltrace.SpanContextFromContext(ctx)
	g, ok := oteltrace.SpanFromContext(ctx).(*segment)
	later := ok && g.index > 0 // its root may not have begun
	if sc.IsValid() && (later || sc.TraceID() != s.handshake.SpanContext().TraceID()) && (moved || s.owns(sc)) {
		ctx, cause = s.base, sc
	}
	return s.below(ctx), s.links(cause)[1:]
}

// startUnrecorded begins an operation without a span, whose blocks are measured or
// followed by package live.
func (s *Session) startUnrecorded(ctx context.Context, name string) trace.Op {
	return trace.Op(core.Of(s.silent).Start(core.Config{Name: name, Context: ctx, On: s, Held: true}, false))
}

func traceOf(ctx context.Context) oteltrace.TraceID {
	return oteltrace.SpanContextFromContext(ctx).TraceID()
}
