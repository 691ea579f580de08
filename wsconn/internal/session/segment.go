package session

import (
	"context"
	"reflect"
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

// segment is the part of a connection that one trace shows: the first is in the
// handshake's, and each of the others below a span of its own, which it stands for.
type segment struct {
	noop.Span
	s      *Session
	index  int
	before oteltrace.SpanContext // the root of the one before that is recorded
	share  *core.Budget

	state atomic.Uint32
	root  oteltrace.SpanContext // of what has begun, as is start
	start time.Time

	since   atomic.Int64 // nanoseconds from traces.began: its start, or when it was last renewed
	busy    atomic.Bool  // more is to be told than fits: see [MessagesAuto]
	counted int64        // of share.Wanted then; guarded by traces.rolling

	// moved are the contexts that reads and writes had last, below the root.
	moved [2]atomic.Pointer[moved]
}

// moved is a context of the program's below the root of a segment that it has no
// span of. Reads of a connection have the same context as a rule, and so have
// writes: it is made once for each segment.
type moved struct {
	from, to context.Context
	links    []oteltrace.Link // to the span that from carries, if it has one
}

// move returns ctx below the segment's root, with links to the span of the
// connection's that it carries.
func (s *Session) move(seg *segment, ctx context.Context, sc oteltrace.SpanContext, name string) *moved {
	last := &seg.moved[0]
	if name == semconv.SpanWrite {
		last = &seg.moved[1]
	}
	if m := last.Load(); m != nil && m.from == ctx {
		return m
	}
	m := &moved{from: ctx, to: oteltrace.ContextWithSpan(ctx, seg)}
	if sc.IsValid() {
		m.links = s.links(sc)[1:]
	}
	if reflect.ValueOf(ctx).Comparable() { // so that comparing with it does not panic
		last.Store(m)
	}
	return m
}

// traces are those that a connection is shown in.
type traces struct {
	volume
	name    string               // of each segment's span
	attrs   []attribute.KeyValue // likewise
	began   time.Time
	rolling sync.Mutex        // held while the next segment is made
	first   oteltrace.TraceID // the handshake's
	current atomic.Pointer[segment]

	// aside is the share of what is told in no segment's trace: it has no bound.
	aside *core.Budget
}

func (s *Session) beginTraces(v volume, attrs ...attribute.KeyValue) {
	t := &s.traces
	t.volume, t.attrs, t.aside, t.began = v, attrs, core.NewBudget(0), time.Now()
	root := s.handshake.SpanContext()
	t.first = root.TraceID()
	g := &segment{s: s, before: root, root: root, start: t.began, share: t.aside.Next(v.spans)}
	g.state.Store(begun)
	t.current.Store(g)
}

// segment returns the segment that an operation that begins now belongs to.
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
		seg = &segment{s: s, index: seg.index + 1, before: seg.recorded(), share: t.aside.Next(t.spans)}
		wanted = 0
	}
	seg.counted = wanted
	seg.busy.Store(busy)
	seg.since.Store(int64(time.Since(t.began)))
	t.current.Store(seg)
	return seg
}

// over reports whether the segment is to be followed by the next one or, as long as
// nothing of it is recorded, renewed.
func (t *traces) over(seg *segment) bool {
	return t.age > 0 && time.Since(t.began)-time.Duration(seg.since.Load()) >= t.age || seg.share.Spent()
}

// links are to the handshake and to sc, unless that is the handshake itself or
// is not recorded.
func (s *Session) links(sc oteltrace.SpanContext) []oteltrace.Link {
	links := []oteltrace.Link{{SpanContext: s.handshake.SpanContext()}}
	if sc.IsSampled() && sc.SpanID() != s.handshake.SpanContext().SpanID() {
		links = append(links, oteltrace.Link{SpanContext: sc})
	}
	return links
}

// owns reports whether sc is in a trace of the connection, as far back as the
// segment before the current one and the handshake.
func (s *Session) owns(sc oteltrace.SpanContext) bool {
	id, seg := sc.TraceID(), s.traces.current.Load()
	return id == s.traces.first || id == seg.before.TraceID() || id == seg.SpanContext().TraceID()
}

// place says where an operation with ctx belongs: where ctx has a span of a
// trace that is not the connection's, below that, since the trace is another's
// to keep small; else in the current segment, and with a link to ctx's span
// where that is in an earlier one.
func (s *Session) place(ctx context.Context, name string, message bool) (c core.Config, sampled bool, seg *segment) {
	sc := oteltrace.SpanContextFromContext(ctx)
	if sc.IsValid() && (!sc.IsSampled() || !s.owns(sc)) {
		return core.Config{Name: name, Context: ctx, Budget: s.traces.aside, On: s}, sc.IsSampled(), s.traces.current.Load()
	}
	seg = s.segment()
	c = core.Config{Name: name, Context: ctx, Budget: seg.share, On: s}
	switch {
	case message && s.traces.perMessage:
		c.Budget = s.traces.aside.Next(s.traces.spans)
		c.Root, c.Links = s.handshake.SpanContext(), s.links(sc)
	case !sc.IsValid() || !seg.holds(ctx, sc):
		m := s.move(seg, ctx, sc, name)
		c.Context, c.Links = m.to, m.links
	}
	return c, false, seg
}

// start begins an operation that is no message. Whatever it blocks on is reported when
// it ends or is released: until then a lock of the library's may be held.
func (s *Session) start(ctx context.Context, name string) trace.Op {
	if !s.recorded {
		return s.measure(ctx, name)
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
		return s.measure(ctx, name)
	}
	c, sampled, seg := s.place(ctx, name, true)
	c.Show, c.Held = s.traces.show(name, seg.busy.Load()), true
	if s.likeLast(ctx, name) {
		c.Show, c.Stalls = untilShown(name), isStall
	}
	return trace.Op(core.Of(s.tracer).Start(c, sampled))
}

// startClose begins a close. Whatever segment it ends, it is in the handshake's
// trace, and links to the segment.
func (s *Session) startClose(ctx context.Context) trace.Op {
	if !s.recorded {
		return s.measure(ctx, semconv.SpanClose)
	}
	ctx, links := s.last(ctx, false)
	c := core.Config{Name: semconv.SpanClose, Context: ctx, Budget: s.traces.aside, Links: links, On: s, Held: true}
	return trace.Op(core.Of(s.tracer).Start(c, false))
}

// last is where the end of the connection belongs, which was seen in ctx, and
// what it links to. moved says that ctx is not where the program called, but
// where place put it.
func (s *Session) last(ctx context.Context, moved bool) (context.Context, []oteltrace.Link) {
	cause := s.traces.current.Load().SpanContext()
	sc := oteltrace.SpanContextFromContext(ctx)
	g, ok := oteltrace.SpanFromContext(ctx).(*segment)
	later := ok && g.index > 0 // perhaps one that has not begun
	if sc.IsValid() && (later || sc.TraceID() != s.handshake.SpanContext().TraceID()) && (moved || s.owns(sc)) {
		ctx, cause = s.home, sc
	}
	return s.below(ctx), s.links(cause)[1:]
}

// measure begins an operation that has no span, and whose blocks are measured or
// followed.
func (s *Session) measure(ctx context.Context, name string) trace.Op {
	return trace.Op(core.Of(s.silent).Start(core.Config{Name: name, Context: ctx, On: s, Held: true}, false))
}

func traceOf(ctx context.Context) oteltrace.TraceID {
	return oteltrace.SpanContextFromContext(ctx).TraceID()
}
