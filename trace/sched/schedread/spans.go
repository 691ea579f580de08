package schedread

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Scope is the instrumentation scope of the spans from an execution trace.
const Scope = trace.ScopeName + "/trace/sched"

// Spans returns everything that is kept as one trace: each goroutine that has a block, that
// ended one, or that started one of those, with its operations below it. The same bytes
// read with the same options give the same spans, including ids.
func (t *Trace) Spans() []chain.Span {
	b := newBuilder(t)
	used := t.used()
	ids := make([]int64, 0, len(used))
	for id := range used {
		if g := t.gs[id]; !g.system() || t.cfg.runtime {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		g := t.gs[id]
		var parent oteltrace.SpanID
		if c := t.gs[g.creator]; c != nil && (!c.system() || t.cfg.runtime) {
			parent = b.launchID(g.creator)
		}
		b.launch(g, ref{b.own, parent})
	}
	for _, p := range t.parks {
		var by ref
		if used[p.waker] && t.gs[p.waker] != nil {
			by = ref{b.own, b.launchID(p.waker)}
		}
		b.park(p, ref{b.own, b.launchID(p.g.id)}, by)
	}
	return b.spans
}

// builder builds the spans of a trace.
type builder struct {
	t     *Trace
	own   oteltrace.TraceID
	spans []chain.Span
	buf   []byte

	service  string
	resource []attribute.KeyValue
}

func newBuilder(t *Trace) *builder {
	b := &builder{t: t, service: t.cfg.service}
	copy(b.own[:], t.key[:])
	return b
}

// id returns a span's id, which depends on its kind, its goroutine and its start.
func (b *builder) id(kind string, g, at int64) (id oteltrace.SpanID) {
	b.buf = append(append(b.buf[:0], b.t.key[:]...), kind...)
	b.buf = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b.buf, uint64(g)), uint64(at))
	sum := sha256.Sum256(b.buf)
	copy(id[:], sum[:])
	return id
}

func (b *builder) launchID(g int64) oteltrace.SpanID { return b.id("go", g, 0) }

// when converts a time of the trace; the result is zero if it is unknown.
func (b *builder) when(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return b.t.at(ns)
}

func (b *builder) add(s chain.Span) {
	s.Service, s.Resource, s.Scope = b.service, b.resource, Scope
	b.spans = append(b.spans, s)
}

// of sets the process of the spans that follow to that of s.
func (b *builder) of(s *chain.Span) *builder {
	b.service, b.resource = s.Service, s.Resource
	return b
}

// launch adds the span of a goroutine. It has no end if the goroutine did not end.
func (b *builder) launch(g *goroutine, below ref) {
	name, state := g.name(), semconv.StateRunning
	if g.died != 0 {
		state = semconv.StateFinished
	}
	s := chain.Span{
		TraceID: below.trace, SpanID: b.launchID(g.id), ParentID: below.span, Name: name, Start: b.t.Start, End: b.when(g.died),
		Attributes: []attribute.KeyValue{
			semconv.GoroutineIDKey.Int64(g.id), semconv.GoroutineNameKey.String(name), semconv.GoroutineStateKey.String(string(state)),
		},
	}
	if g.born != 0 {
		s.Start = b.when(g.born)
		if g.run > g.born {
			s.Attributes = append(s.Attributes, semconv.GoroutineStartDelayKey.Float64(time.Duration(g.run-g.born).Seconds()))
		}
	}
	s.Attributes = b.totals(site(s.Attributes, g.created), g)
	b.add(s)
}

// totals adds the times that a goroutine did not wait, and how many blocks were suppressed.
func (b *builder) totals(attrs []attribute.KeyValue, g *goroutine) []attribute.KeyValue {
	for _, of := range []struct {
		key attribute.Key
		ns  int64
	}{
		{semconv.GoroutineRunningKey, g.running},
		{semconv.GoroutineRunnableKey, g.runnable},
		{semconv.GoroutineSyscallKey, g.syscall},
		{semconv.GoroutineGCAssistKey, g.assist},
	} {
		if of.ns > 0 {
			attrs = append(attrs, of.key.Float64(time.Duration(of.ns).Seconds()))
		}
	}
	if g.suppressed > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int(g.suppressed))
	}
	return attrs
}

// park adds the operation of a park, with its block and its wake.
func (b *builder) park(p *park, below, by ref) {
	op := chain.Span{
		TraceID: below.trace, SpanID: b.id(p.op, p.g.id, p.start), ParentID: below.span,
		Name: p.op, Start: b.when(p.start), End: b.when(p.run),
		Attributes: []attribute.KeyValue{semconv.GoroutineIDKey.Int64(p.g.id), semconv.GoroutineNameKey.String(p.g.name())},
	}
	op.Attributes = site(op.Attributes, p.stack)
	if p.stack != nil {
		op.Attributes = append(op.Attributes, semconv.CodeStacktraceKey.String(p.stack.String()))
	}
	op.Attributes = address(op.Attributes, p.local, semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey)
	op.Attributes = address(op.Attributes, p.remote, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey)
	if !p.blocks() && p.before {
		op.Attributes = append(op.Attributes, semconv.BlockTruncatedKey.Bool(true))
	}
	if p.blocks() && p.ready != 0 {
		op.Attributes = append(op.Attributes, semconv.BlockDurationKey.Float64(time.Duration(p.ready-p.start).Seconds()))
	}
	b.add(op)
	if p.blocks() {
		block := chain.Span{
			TraceID: below.trace, SpanID: b.id("block", p.g.id, p.start), ParentID: op.SpanID,
			Name: semconv.BlockName(p.reason, ""), Start: op.Start, End: b.when(p.ready),
			Attributes: []attribute.KeyValue{
				semconv.BlockReasonKey.String(string(p.reason)), semconv.BlockSourceKey.String(string(semconv.SourceSched)),
			},
		}
		if p.before {
			block.Attributes = append(block.Attributes, semconv.BlockTruncatedKey.Bool(true))
		}
		b.add(block)
	}
	if p.ready != 0 && (p.blocks() || p.run != p.ready) {
		b.wake(p, &op, by)
	}
}

// wake adds the wait for a processor after a park.
func (b *builder) wake(p *park, op *chain.Span, by ref) {
	s := chain.Span{
		TraceID: op.TraceID, SpanID: b.id("wake", p.g.id, p.start), ParentID: op.SpanID,
		Name: semconv.SpanWake, Start: b.when(p.ready), End: b.when(p.run),
	}
	if p.blocks() {
		if why, _ := woken(p); why != "" {
			s.Name = semconv.WakeName(why)
			s.Attributes = append(s.Attributes, semconv.WakeReasonKey.String(string(why)))
		}
	}
	if g := b.t.gs[p.waker]; g != nil {
		s.Attributes = append(s.Attributes, semconv.WakeGoroutineIDKey.Int64(g.id), semconv.WakeGoroutineNameKey.String(g.name()))
		s.Attributes = site(s.Attributes, p.by)
		s.Attributes = append(s.Attributes, semconv.CodeStacktraceKey.String(p.by.String()))
	}
	if by.valid() {
		s.Links = []chain.Link{{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: by.trace, SpanID: by.span, TraceFlags: oteltrace.FlagsSampled,
		})}}
	}
	b.add(s)
}

// site adds the place of a stack in the program.
func site(attrs []attribute.KeyValue, s *stack) []attribute.KeyValue {
	if f := s.site(); f.fn != "" {
		return append(attrs, semconv.CodeFunctionNameKey.String(f.fn), semconv.CodeFilePathKey.String(f.file), semconv.CodeLineNumberKey.Int(f.line))
	}
	return attrs
}

func address(attrs []attribute.KeyValue, addr string, name, port attribute.Key) []attribute.KeyValue {
	if a, err := netip.ParseAddrPort(addr); err == nil {
		return append(attrs, name.String(a.Addr().Unmap().String()), port.Int(int(a.Port())))
	}
	if addr != "" && !strings.HasPrefix(addr, "@") { // a Unix socket
		return append(attrs, name.String(addr))
	}
	return attrs
}
