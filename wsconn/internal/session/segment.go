package session

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// segment is the part of a connection that one trace shows: the first is in the
// handshake's, and each of the others below a span of its own.
type segment struct {
	index int
	root  oteltrace.Span // stands for its span context
	trace oteltrace.TraceID
	since time.Time
	share *core.Budget
	busy  bool // more is to be told than fits: see [MessagesAuto]

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
	m := &moved{from: ctx, to: oteltrace.ContextWithSpan(ctx, seg.root)}
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
	rolling sync.Mutex           // held while the next segment begins
	first   oteltrace.TraceID    // the handshake's
	current atomic.Pointer[segment]
	before  atomic.Pointer[segment] // the current one

	// aside is the share of what is told in no segment's trace: it has no bound.
	aside *core.Budget
}

func (s *Session) beginTraces(v volume, attrs ...attribute.KeyValue) {
	t := &s.traces
	t.volume, t.attrs, t.aside = v, attrs, core.NewBudget(0)
	t.first = s.handshake.SpanContext().TraceID()
	t.current.Store(&segment{root: s.handshake, trace: t.first, since: time.Now(), share: t.aside.Next(v.spans)})
}

// segment returns the segment that an operation that begins now belongs to.
// While one goroutine begins the next segment, the others go on in this.
func (s *Session) segment() *segment {
	t := &s.traces
	seg := t.current.Load()
	old := t.age > 0 && time.Since(seg.since) >= t.age
	if !old && !seg.share.Spent() || !t.rolling.TryLock() {
		return seg
	}
	defer t.rolling.Unlock()
	if now := t.current.Load(); now != seg {
		return now
	}
	next := s.nextSegment(seg)
	t.before.Store(seg)
	t.current.Store(next)
	return next
}

// nextSegment makes the span of the segment after prev, which is over at once.
func (s *Session) nextSegment(prev *segment) *segment {
	t := &s.traces
	next := &segment{index: prev.index + 1, since: time.Now(), share: t.aside.Next(t.spans)}
	next.busy = t.spans > 0 && prev.share.Wanted() >= int64(t.spans)
	attrs := append(make([]attribute.KeyValue, 0, len(t.attrs)+2), t.attrs...)
	attrs = append(attrs, semconv.WebSocketSegmentIndexKey.Int(next.index))
	if n := t.aside.Suppressed(); n > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int64(n))
	}
	ctx, span := core.Of(s.tracer).Root(context.Background(), s.handshake.SpanContext(), t.name, next.since,
		oteltrace.WithAttributes(attrs...),
		oteltrace.WithLinks(s.links(prev.root.SpanContext())...))
	if span != nil {
		core.Of(s.tracer).Finish(span, next.since, "", nil)
		next.share.Spend(1)
	}
	next.root, next.trace = standIn(ctx), traceOf(ctx)
	return next
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
	id := sc.TraceID()
	if id == s.traces.current.Load().trace || id == s.traces.first {
		return true
	}
	before := s.traces.before.Load()
	return before != nil && id == before.trace
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
	case !sc.IsValid() || sc.TraceID() != seg.trace:
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
	c.Show, c.Held = s.traces.show(name, seg.busy), true
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
	cause := s.traces.current.Load().root.SpanContext()
	sc := oteltrace.SpanContextFromContext(ctx)
	if sc.IsValid() && sc.TraceID() != s.handshake.SpanContext().TraceID() && (moved || s.owns(sc)) {
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
