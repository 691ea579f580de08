package session

import (
	"context"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// settle tells what is over in a direction. Where it is a call of the program's that
// has left the library, name is that of the operation, which was called with ctx and
// returned err.
func (st *stalls) settle(direction int, ctx context.Context, name string, err error) {
	var last *stalled // the oldest first
	for r := st.pending[direction].Swap(nil); r != nil; {
		r, r.after, last = r.after, last, r
	}
	for r := last; r != nil; {
		next := r.after
		r.after = nil
		switch {
		case r.peer.IsValid():
			st.tellPeer(r)
		case r.err != nil && err != nil:
			st.tellOver(r, ctx, err)
			err = nil // it is told
		default:
			st.tellOver(r, ctx, r.err)
		}
		r = next
	}
	if err == nil {
		return
	}
	if typ, why := st.errorOf(ctx, err); st.tells(typ) {
		now := time.Now()
		st.tellInstant(name, stallFailed, now, now, typ, why)
	}
}

// tellOver tells of an operation that is over, which failed with err.
func (st *stalls) tellOver(r *stalled, ctx context.Context, err error) {
	typ, why := st.errorOf(ctx, err)
	r.errorType, r.why = typ, why
	r.mu.Lock()
	r.over = true
	busy := r.told == tellingNow // whoever tells goes on
	r.mu.Unlock()
	if !busy {
		st.complete(r)
	}
}

// complete tells the rest of an operation that is over.
func (st *stalls) complete(r *stalled) {
	defer r.free()
	failed := st.tells(r.errorType)
	switch {
	case r.told != untold:
	case r.total >= st.after, r.waited() >= st.after:
		st.begin(r, r.cause())
	case failed:
		st.begin(r, stallFailed)
	}
	if !r.allowed {
		return
	}
	r.freed.name(r.op)
	r.replay()
	attrs := r.messageAttributes()
	if cause := r.cause(); r.toldFor != stallFailed && r.toldFor != cause { // of a block that went on
		attrs = append(attrs, semconv.StallCauseKey.String(cause))
	}
	attrs = r.c.appendHistory(attrs, r.start)
	if r.left > 0 {
		attrs = append(attrs, semconv.SpansSuppressedKey.Int(2*r.left))
	}
	sc := r.op.SpanContext()
	r.op.End(&core.End{Time: r.end, ErrorType: r.errorType, Err: r.why, Attrs: attrs})
	if !sc.IsSampled() {
		return
	}
	if r.c.send && !r.c.closed.Load() {
		r.c.flag.Store(&sc)
	}
}

// cause is that of the longest block, or of the wait for another write.
func (r *stalled) cause() string {
	if !r.writes {
		return stallRead
	}
	var longest *stallBlock
	for i := range r.blocks {
		if b := &r.blocks[i]; longest == nil || b.to.Sub(b.from) > longest.to.Sub(longest.from) {
			longest = b
		}
	}
	if wait := r.waited(); wait > 0 && (longest == nil || wait > longest.to.Sub(longest.from)) {
		return stallWriteLock
	}
	if longest != nil {
		for _, a := range longest.attrs {
			if a.Key == semconv.BlockCauseKey {
				return a.Value.AsString()
			}
		}
	}
	return string(semconv.CauseUnknown)
}

// begin begins the operation, unless too many are told of.
func (st *stalls) begin(r *stalled, cause string) {
	attrs, ok := st.take(cause)
	if r.allowed = ok; !ok {
		return
	}
	r.toldFor = cause
	r.start = r.end
	if r.start.IsZero() {
		r.start = time.Now()
	}
	r.mu.Lock()
	if len(r.blocks) > 0 {
		r.start = r.blocks[0].from
	} else if !r.parked.IsZero() {
		r.start = r.parked
	}
	r.mu.Unlock()
	if r.waitFor != nil {
		r.start = r.waits
	}
	r.start = r.start.Add(-core.Tick(r.start)) // an edge is after it
	name := semconv.SpanRead
	if r.writes {
		name = r.message.operation()
	}
	r.op = st.start(name, r.start, attrs)
}

// operation is the name of the write of a message or a control frame.
func (p passage) operation() string {
	switch p.kind.String() {
	case semconv.SpanPing:
		return semconv.SpanPing
	case semconv.SpanPong:
		return semconv.SpanPong
	default:
		return semconv.SpanWrite
	}
}

// start begins an operation that is the root of a trace.
func (st *stalls) start(name string, at time.Time, attrs []attribute.KeyValue) core.Ref {
	return core.Of(st.teller()).Start(core.Config{
		Name: name, Context: core.MarkStall(context.Background()), At: at, Late: true,
		Attrs: st.appendConnection(attrs), Links: handshakeLink(st.s),
	}, false)
}

// teller is the tracer of what is told.
func (st *stalls) teller() *trace.Tracer { return st.stallWatch.teller(st.s.tracer) }

func (w *stallWatch) teller(t *trace.Tracer) *trace.Tracer {
	if w.tracer != nil {
		return w.tracer
	}
	return t.With(unmetered, trace.WithMinBlock(0))
}

func handshakeLink(s *Session) []oteltrace.Link {
	if sc := s.handshake.SpanContext(); sc.IsValid() {
		return []oteltrace.Link{{SpanContext: sc}}
	}
	return nil
}

// appendConnection appends what tells which connection it is, and which end.
func (st *stalls) appendConnection(attrs []attribute.KeyValue) []attribute.KeyValue {
	role := roleClient
	if st.server {
		role = roleServer
	}
	attrs = append(attrs, semconv.WebSocketRoleKey.String(role))
	if sc := st.s.handshake.SpanContext(); sc.IsValid() {
		attrs = append(attrs, semconv.WebSocketConnectionIDKey.String(sc.SpanID().String()))
	}
	if c := st.conn; c != nil {
		if _, ok := c.conn.Conn.(stream); !ok {
			attrs = appendAddresses(attrs, c.conn.RemoteAddr(), c.conn.LocalAddr())
		}
	}
	return attrs
}

// messageAttributes are those of the message that has passed.
func (r *stalled) messageAttributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	if r.writes {
		attrs = append(attrs, transmit)
	} else {
		attrs = append(attrs, receive)
	}
	if r.message.index > 0 {
		attrs = append(attrs,
			semconv.WebSocketMessageTypeKey.String(r.message.kind.String()),
			semconv.WebSocketMessageIndexKey.Int64(int64(r.message.index)))
		if !r.message.compressed {
			attrs = append(attrs, semconv.WebSocketMessageSizeKey.Int64(r.message.size))
		}
	}
	return attrs
}

// appendHistory appends what passed last, by times from zero.
func (c *stallConn) appendHistory(attrs []attribute.KeyValue, zero time.Time) []attribute.KeyValue {
	if c == nil {
		return attrs
	}
	return appendRings(attrs, [2][]uint64{c.in.last(nil), c.out.last(nil)}, zero)
}

func appendRings(attrs []attribute.KeyValue, rings [2][]uint64, zero time.Time) []attribute.KeyValue {
	for i, key := range []attribute.Key{semconv.WebSocketHistoryReceiveKey, semconv.WebSocketHistoryTransmitKey} {
		if text := historyText(rings[i], zero); text != "" {
			attrs = append(attrs, key.String(text))
		}
	}
	return attrs
}

// replay gives the operation the blocks that are over and that it does not know.
func (r *stalled) replay() {
	r.mu.Lock()
	blocks := slices.Clone(r.blocks[r.replayed:])
	for i := range blocks {
		blocks[i].attrs = slices.Clone(blocks[i].attrs)
	}
	r.replayed += len(blocks)
	r.mu.Unlock()
	reason := string(semconv.ReasonNetRead)
	if r.writes {
		reason = string(semconv.ReasonNetWrite)
	}
	if r.waitFor != nil && !r.waitTold {
		r.waitTold = true
		r.waitFor.replay(r.op, r.waits)
	}
	for _, b := range blocks {
		r.op.Block(b.from, core.Edge{Reason: reason, Attrs: sourceOf(b.source)})
		r.op.Wake(b.to, core.Edge{Reason: string(b.wake), By: b.by}, b.attrs)
	}
}

func sourceOf(s semconv.Source) []attribute.KeyValue {
	if s == "" {
		return nil
	}
	return []attribute.KeyValue{semconv.BlockSourceKey.String(string(s))}
}

// tellProgress tells of an operation that has come to be blocked for long, while it is.
func (r *stalled) tellProgress(now time.Time) {
	st := r.c.st
	since := r.parkedAt()
	var report live.Report
	var k *live.Socket
	cause := stallRead
	if r.writes {
		cause = string(semconv.CauseUnknown)
		if k = r.c.conn.ParkedWrite(&report); k != nil && k.Known {
			cause = k.Cause
		}
	}
	if st.begin(r, cause); r.allowed {
		r.replay()
		r.mu.Lock()
		still := !since.IsZero() && r.parked.Equal(since)
		source := r.source
		r.mu.Unlock()
		if still {
			reason := string(semconv.ReasonNetRead)
			if r.writes {
				reason = string(semconv.ReasonNetWrite)
			}
			r.op.Block(since, core.Edge{Reason: reason, Attrs: sourceOf(source)})
			attrs := append(make([]attribute.KeyValue, 0, 24), semconv.BlockReasonKey.String(reason), semconv.StallCauseKey.String(cause))
			attrs = append(st.appendConnection(attrs), sourceOf(source)...)
			if k != nil && k.Since.Equal(since) {
				attrs = appendSocket(attrs, k)
			}
			attrs = r.c.appendHistory(attrs, since)
			live.Tell(r.op, &live.Stall{Since: since, At: now, Attributes: attrs})
		}
	}
	r.mu.Lock()
	r.told = toldNow
	over := r.over
	r.mu.Unlock()
	if over {
		st.complete(r)
	}
}

// appendSocket appends what the kernel says of a write that is parked now.
func appendSocket(attrs []attribute.KeyValue, k *live.Socket) []attribute.KeyValue {
	attrs = append(attrs, semconv.TCPWrittenKey.Int64(k.Written))
	if !k.Known {
		return attrs
	}
	return append(attrs,
		semconv.BlockCauseKey.String(k.Cause),
		semconv.TCPSendQueueKey.Int(k.Queue),
		semconv.TCPNotSentKey.Int(k.NotSent),
		semconv.TCPUnackedKey.Int(k.Unacked),
		semconv.TCPPeerWindowKey.Int(k.Window),
		semconv.TCPRTTKey.Float64(k.RTT.Seconds()),
		semconv.TCPBusyKey.Float64(k.Busy.Seconds()),
		semconv.TCPRwndLimitedKey.Float64(k.RwndLimited.Seconds()),
		semconv.TCPSndbufLimitedKey.Float64(k.SndbufLimited.Seconds()),
		semconv.TCPRetransmitsKey.Int(k.Retransmits))
}

// tellInstant tells of an operation of which nothing is known in between.
func (st *stalls) tellInstant(name, cause string, start, end time.Time, errorType string, err error) {
	attrs, ok := st.take(cause)
	if !ok {
		return
	}
	switch name {
	case semconv.SpanRead:
		attrs = append(attrs, receive)
	case semconv.SpanWrite:
		attrs = append(attrs, transmit)
	}
	op := st.start(name, start, attrs)
	op.End(&core.End{Time: end, ErrorType: errorType, Err: err, Attrs: st.conn.appendHistory(nil, start)})
}

// asked is called when the peer asks, by a trace pong, for what passed: in the trace of
// its own stall.
func (c *stallConn) asked(by oteltrace.SpanContext) {
	r := stalledRecords.Get().(*stalled)
	r.c, r.peer = c, by
	if a := c.away; a != nil && a.to != 0 {
		r.from, r.to = a.from, a.to
		r.rings = [2][]uint64{slices.Clone(a.rings[receiving]), slices.Clone(a.rings[transmitting])}
		a.to = 0 // it is told once
	} else {
		r.rings = [2][]uint64{c.in.last(nil), c.out.last(nil)}
	}
	c.st.add(receiving, r)
}

// tellPeer tells the peer's trace what passed here: over the time in which nobody read,
// if there was one.
func (st *stalls) tellPeer(r *stalled) {
	defer r.free()
	attrs, ok := st.take(stallPeer)
	if !ok {
		return
	}
	start, end := clockTime(r.from), clockTime(r.to)
	if r.to != 0 {
		attrs = append(attrs, semconv.WebSocketReaderAwayKey.Float64(end.Sub(start).Seconds()))
	} else if start, end = span(r.rings); start.IsZero() {
		return
	}
	attrs = appendRings(st.appendConnection(attrs), r.rings, start)
	ctx := oteltrace.ContextWithRemoteSpanContext(core.MarkStall(context.Background()), r.peer)
	_, s := core.Of(st.teller()).Span(ctx, semconv.SpanHistory, start, oteltrace.WithAttributes(attrs...), oteltrace.WithLinks(handshakeLink(st.s)...))
	if s != nil {
		s.End(oteltrace.WithTimestamp(end))
	}
}

// span is from when to when the entries are; the zero times where there are none.
func span(rings [2][]uint64) (first, last time.Time) {
	for _, ring := range rings {
		for _, e := range ring {
			at := entryTime(e)
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
		}
	}
	return first, last
}

// tellHandshake begins the span of a handshake that began at start and took long, or
// failed; nil: it is not to be told. It is called when the handshake is over.
func (w *stallWatch) tellHandshake(t *trace.Tracer, of *Session, name string, start time.Time, errorType string, opts ...oteltrace.SpanStartOption) (teller *trace.Tracer, ctx context.Context, s oteltrace.Span) {
	if w.of(t) == nil {
		return nil, nil, nil
	}
	cause := ""
	switch {
	case errorType != "" && errorType != semconv.ErrorCanceled:
		cause = stallRefused
	case errorType == "" && time.Since(start) >= w.after:
		cause = stallHandshake
	default:
		return nil, nil, nil
	}
	attrs, ok := w.take(t, cause)
	if !ok {
		return nil, nil, nil
	}
	teller = w.teller(t)
	ctx, s = core.Of(teller).Span(core.MarkStall(context.Background()), name, start, append(opts, oteltrace.WithAttributes(attrs...), oteltrace.WithLinks(handshakeLink(of)...))...)
	return teller, ctx, s
}
