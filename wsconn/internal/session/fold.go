package session

import (
	"context"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// stallLeast is the shortest block that is a stall. Shorter ones are a handover of the
// write lock, a send buffer that was full for a moment, or a round trip to a distant
// peer. It is more than two updates of the kernel's counters, which show the cause of a
// block and move every 4 ms. If they prove that the peer's window was closed, the block
// is a stall however short. Waiting for a message to begin is a stall if it lasts
// runTime.
const stallLeast = 10 * time.Millisecond

// isStall is the [core.Stalls] of messages.
func isStall(idle bool, block *core.Edge, d time.Duration) bool {
	switch {
	case idle:
		return d >= runTime
	case d >= stallLeast:
		return true
	case block.Reason != string(semconv.ReasonNetWrite):
		return false
	}
	for i := range block.Attrs {
		if a := &block.Attrs[i]; a.Key == semconv.BlockCauseKey {
			return a.Value.AsString() == string(semconv.CausePeerWindow)
		}
	}
	return false
}

// runs is the state of folding in one direction. s.mu guards it.
type runs struct {
	seen  int              // messages, up to runAfter
	above oteltrace.SpanID // the latest message's parent
	last  time.Time        // when the latest message ended

	open  *run        // nil: none
	timer *time.Timer // ends open; nil before the first run

	// kept is the memory of the last folded operation, for the next message with the
	// same context.
	kept core.Ref
	ctx  context.Context
}

func (s *Session) runsOf(name string) *runs {
	if name == semconv.SpanWrite {
		return &s.out.runs
	}
	return &s.in.runs
}

// folds reports whether messages are folded.
func (s *Session) folds() bool {
	return s.recorded && s.traces.messages == MessagesAuto && !s.traces.perMessage
}

// likeLast reports whether the message that begins with ctx may be folded with the one
// before it: that had the same parent, and ended recently.
func (s *Session) likeLast(ctx context.Context, name string) bool {
	if !s.folds() {
		return false
	}
	above := oteltrace.SpanContextFromContext(ctx).SpanID()
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.runsOf(name)
	like := d.seen >= runAfter && d.above == above && time.Since(d.last) < runTime
	d.above = above
	return like
}

// next returns the operation of the next message, in the memory of the last one; false
// if there is none, or if that had another context. standIn, which may be nil, stands in
// for its span. The caller holds s.mu.
func (d *runs) next(ctx context.Context, standIn oteltrace.Span) (op trace.Op, ok bool) {
	if !d.kept.Valid() || d.open == nil || !identical(d.ctx, ctx) {
		return op, false
	}
	op = trace.Op(d.kept.Reuse(standIn))
	d.kept = core.Ref{}
	return op, true
}

// nextWrite is BeginWrite for a message that continues the open run with the same
// context as the last one; false if it does not, or if another write is in progress.
func (s *Session) nextWrite(ctx context.Context, typ frame.Opcode, pc uintptr) (w Write, ok bool) {
	if !s.folds() {
		return w, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := &s.out.runs
	if d.open == nil || s.writing.held {
		return w, false
	}
	op, ok := d.next(ctx, d.open.span)
	if !ok {
		return w, false
	}
	s.writing.held = true
	w = Write{s: s, call: call{ctx, op}, typ: typ, held: true, pc: pc}
	d.open.inside = op
	d.open.named++
	s.enterWriteLocked(w)
	s.out.holder = w
	return w, true
}

// nextRead is startMessage for a read, which may continue the open run.
func (s *Session) nextRead(ctx context.Context) trace.Op {
	if !s.folds() {
		return s.startMessage(ctx, semconv.SpanRead)
	}
	s.mu.Lock()
	op, ok := s.in.runs.next(ctx, nil)
	s.mu.Unlock()
	if ok {
		return op
	}
	return s.startMessage(ctx, semconv.SpanRead)
}

// keep keeps the memory of a folded operation of ctx.
func (d *runs) keep(next core.Ref, ctx context.Context) {
	if !identical(d.ctx, ctx) {
		d.drop()
		d.ctx = ctx
	}
	if d.kept.Valid() {
		next.Drop()
		return
	}
	d.kept = next
}

func (d *runs) drop() {
	d.kept.Drop()
	d.kept, d.ctx = core.Ref{}, nil
}

// take ends the open run and returns it, for finishRun without the lock; nil: there is
// none. The caller holds s.mu.
func (d *runs) take() *run {
	r := d.open
	d.open = nil
	d.drop()
	if r == nil {
		return nil
	}
	d.timer.Stop()
	if r.inside.Valid() {
		core.Ref(r.inside).SetStandIn(r.span, r.count == 0)
	}
	return r
}

// joinRun puts the write w, which has the write lock and is about to enter the library,
// into a run, which its trace pong then names.
func (s *Session) joinRun(w *Write) {
	op := core.Ref(w.op)
	if !s.folds() || !op.Folds() {
		return
	}
	above := oteltrace.SpanContextFromContext(w.ctx).SpanID()
	s.mu.Lock()
	d := &s.out.runs
	if d.open != nil && d.open.above == above {
		d.enter(w.op)
		s.mu.Unlock()
		return
	}
	before := d.take()
	s.mu.Unlock()
	s.finishRun(before)
	if r := s.newRun(op, above, false); r != nil {
		s.mu.Lock()
		s.openRun(d, r)
		d.enter(w.op)
		s.mu.Unlock()
	}
}

// enter notes that op's trace pong names the open run. The caller holds the session's
// mu.
func (d *runs) enter(op trace.Op) {
	d.open.inside = op
	d.open.named++
	core.Ref(op).SetStandIn(d.open.span, d.open.count == 0)
}

// ends notes that a message of the direction has ended outside a run, and returns the
// run that this ends. The caller holds s.mu.
func (d *runs) ends() (over *run) {
	if d.seen < runAfter {
		d.seen++
	}
	if d.seen == runAfter {
		d.last = time.Now()
	}
	if d.open != nil {
		over = d.take()
	}
	return over
}

// fold folds c's message into the open run, if it neither stalled nor failed. The
// caller holds s.mu, calls finishRun with the returned run, and settles f.
func (s *Session) fold(d *runs, c call, m *message, typ frame.Opcode, size int64, f *core.Folded) (over *run, ok bool) {
	if d.open == nil || size < 0 || s.closing.done || !core.Ref(c.op).Fold(f, runTime) {
		return nil, false
	}
	d.open.add(m, typ, size, f)
	d.last = f.End()
	if f.Next.Valid() {
		d.keep(f.Next, c.ctx)
	}
	if d.open.full() {
		over = d.take()
	}
	return over, true
}

// foldRead is fold for a read that has left the library; it opens a run if there is
// none. whole: the read has returned all of its message. It stores the run's span in
// in, unless that is nil. If it reports false, the read has a span of its own.
func (s *Session) foldRead(c call, m *message, typ int, size int64, whole bool, in *oteltrace.SpanContext) (ok bool) {
	op := core.Ref(c.op)
	if !s.folds() {
		return false
	}
	var f core.Folded
	var over *run
	d := &s.in.runs
	folds := whole && size >= 0 && op.Folds()
	var above oteltrace.SpanID
	if folds {
		above = oteltrace.SpanContextFromContext(c.ctx).SpanID()
	}
	s.mu.Lock()
	if folds && (d.open == nil || d.open.above != above) && !s.closing.done {
		before := d.take()
		s.mu.Unlock()
		s.finishRun(before)
		r := s.newRun(op, above, true)
		s.mu.Lock()
		if r != nil {
			s.openRun(d, r)
		}
	}
	if folds && d.open != nil {
		if in != nil && core.Ref(c.op).Folds() {
			*in = d.open.span.SpanContext()
		}
		over, ok = s.fold(d, c, m, frame.Opcode(typ), size, &f)
	}
	if ok {
		s.live.lastRead.Store(int64(f.End().Sub(s.live.began)))
	} else {
		over = d.ends()
	}
	s.mu.Unlock()
	if ok {
		f.Settle()
	} else {
		op.Unfold()
	}
	s.finishRun(over)
	return ok
}

// endRuns ends both runs because the connection closes. The caller holds s.mu.
func (s *Session) endRuns() {
	for _, d := range []*runs{&s.in.runs, &s.out.runs} {
		if r := d.take(); r != nil {
			s.deferred = append(s.deferred, func() { s.finishRun(r) })
		}
	}
}
