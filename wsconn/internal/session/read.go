package session

import (
	"cmp"
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Read is the read of one message.
type Read struct {
	s *Session
	call
	entered bool
}

// BeginRead begins the read of a message. [Read.End] or [Read.Reader] must
// follow.
func (s *Session) BeginRead(ctx context.Context) Read {
	if s.off {
		return Read{s: s, call: call{ctx: ctx}}
	}
	// The program may not have read the last message to its end: a json.Decoder stops
	// at the end of the value.
	if s.in.stream.Load() != nil {
		s.in.stream.Swap(nil).leave()
	}
	r := Read{s: s, call: call{ctx: ctx}}
	if s.light == nil {
		r.op = s.nextRead(ctx)
	}
	r.entered = s.enterRead(r.call)
	return r
}

// enterRead notes that read c enters the library. If reads overlap, which they must
// not, the later one records no blocks.
func (s *Session) enterRead(c call) (entered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in.reader.inside() {
		return false
	}
	if !s.in.answering.IsZero() { // the library answers only now
		s.in.answering = time.Now()
	}
	s.in.reader = c
	if s.light != nil {
		s.spanOf(c, inward) // caches it
	}
	return true
}

// leaveRead notes that a read has left the library, if it had entered. The caller holds
// s.mu.
func (s *Session) leaveRead(entered bool) {
	if entered {
		s.live.noteReader(s.in.reader.op)
		s.in.reader = call{}
	}
}

// End ends the read of a message of size bytes and the library's message type, or a read
// that failed.
func (r *Read) End(messageType int, size int64, err error) {
	r.end(messageType, size, err, nil, nil)
}

// Receive is End, and returns the parent for the message's work.
func (r *Read) Receive(messageType int, size int64, err error) Received {
	own := r.op.SpanContext()
	var origin oteltrace.SpanContext
	r.end(messageType, size, err, &origin, &own)
	return r.s.newReceived(r.ctx, own, origin)
}

// end stores the peer's write of the message in origin and, if the message is in a run,
// the run's span in own, unless these are nil.
func (r *Read) end(messageType int, size int64, err error, origin, own *oteltrace.SpanContext) {
	if r.s.off {
		r.s.stalls.readEnded(r.ctx, err)
		return
	}
	if r.s.light != nil && err == nil && r.endLight(size, origin) {
		return
	}
	r.s.mu.Lock()
	gaveUp := starved{}
	if err == nil {
		gaveUp = r.s.takeStarved()
	}
	r.s.leaveRead(r.entered)
	m, verdict := r.s.didRead(r.call, err)
	r.s.live.clearLastRead(r.s, r.op, err)
	in := r.s.spanOf(r.call, inward)
	later := r.s.unlockToEnd()
	r.s.reportStarved(gaveUp, true)
	r.s.meter.recordRead(r.call, in, size, err)
	if origin != nil {
		*origin = m.origin
	}
	if r.s.foldRead(r.call, &m, messageType, size, err == nil && m.index > 0 && !gaveUp.known(), own) {
		runAll(later)
		return
	}
	ended := r.s.endRead(r.op, &m, messageType, size, verdict, err)
	runAll(later)
	r.s.live.setLastRead(ended)
	r.s.stalls.readEnded(r.ctx, err)
}

// endLight is end for a complete message of a light connection. It reports whether it
// has ended the read; if not, end must.
func (r *Read) endLight(size int64, origin *oteltrace.SpanContext) bool {
	s := r.s
	s.mu.Lock()
	if !r.entered || !s.in.answering.IsZero() {
		s.mu.Unlock()
		return false
	}
	in := s.light.spans[inward].span
	s.leaveRead(true)
	if origin != nil {
		*origin = s.in.peek().origin
	}
	s.in.drop()
	s.live.readBytes = s.in.bytes
	s.unlock()
	s.meter.recordRead(r.call, in, size, nil)
	s.stalls.readEnded(r.ctx, nil)
	return true
}

// EndPart ends the read of n bytes, which need not be a whole message.
func (r *Read) EndPart(messageType int, n int64, err error) {
	failed := err
	if err == io.EOF { //nolint:errorlint // a NetConn returns it after a normal close
		failed = nil
	}
	if r.s.off {
		r.s.stalls.readEnded(r.ctx, failed)
		return
	}
	r.s.mu.Lock()
	r.s.leaveRead(r.entered)
	from := r.s.in.take(n)
	r.s.showLast(r.op)
	verdict := r.s.closing.verdict(r.op)
	r.s.live.clearLastRead(r.s, r.op, err)
	later := r.s.unlockToEnd()
	m := message{origin: from}
	if r.s.foldRead(r.call, &m, messageType, n, err == nil, nil) {
		runAll(later)
		return
	}
	ended := r.s.endRead(r.op, &m, messageType, n, verdict, err)
	runAll(later)
	r.s.live.setLastRead(ended)
	r.s.stalls.readEnded(r.ctx, failed)
}

// didRead returns the message that was read or, if err is not nil, the error.type of
// what the library refused. The caller holds s.mu.
func (s *Session) didRead(c call, err error) (m message, verdict string) {
	s.showLast(c.op)
	if err == nil {
		return s.in.next(), ""
	}
	if since := s.in.answering; !since.IsZero() { // the answer was not sent
		showBlocks(c.op)
		c.op.Block(semconv.ReasonWriteLock, trace.At(since), sourceTimed)
		if s.light != nil {
			s.deferred = append(s.deferred, func() { s.measureAnswer(c, since) })
		}
	}
	return message{}, s.closing.verdict(c.op)
}

// endRead ends the operation of a read, and returns the time; zero: there is no
// operation, or it failed.
func (s *Session) endRead(op trace.Op, m *message, messageType int, size int64, verdict string, err error) (ended time.Time) {
	op.Link(m.origin)
	switch {
	case !op.Valid():
	case err == nil && !s.recorded:
		return endNow(op, core.End{})
	case err == nil:
		return m.endWith(op, received, frame.Opcode(messageType), s.id, size)
	case verdict != "" && s.lib.CloseStatus(err) < 0:
		op.EndWithError(verdict, err, receive, s.id)
	default:
		s.end(op, err, receive, s.id)
	}
	return ended
}

// Reader returns a reader of the message for the program. The read ends when the whole
// message has been returned, when rd fails, when the next read begins, or when the
// connection closes.
func (r *Read) Reader(messageType int, rd io.Reader) io.Reader {
	if r.s.off {
		r.s.stalls.readEnded(r.ctx, nil)
		return rd
	}
	m := &messageReader{s: r.s, rd: rd, call: r.call, typ: messageType}
	r.s.mu.Lock()
	gaveUp := r.s.takeStarved()
	r.s.leaveRead(r.entered)
	r.s.unlock()
	r.s.reportStarved(gaveUp, true)
	core.Ref(r.op).Release()
	r.s.in.stream.Store(m)
	m.settle()
	return m
}

type messageReader struct {
	s  *Session
	rd io.Reader
	call
	typ   int
	size  atomic.Int64
	calls atomic.Int32 // in progress
	whole atomic.Bool  // the program has read the whole message
	over  atomic.Bool

	// The read may end with the connection while the rest of the message is in the
	// library's buffer, from where the program reads on.
	measured  atomic.Bool // the size is in the metrics
	abandoned atomic.Bool // it never will be: the program reads another message, or rd failed
}

func (m *messageReader) Read(p []byte) (int, error) {
	if m.over.Load() {
		n, err := m.rd.Read(p)
		if size := m.size.Add(int64(n)); err == io.EOF && !m.abandoned.Load() {
			m.recordSize(oteltrace.SpanContextFromContext(m.call.context()), size)
		}
		return n, err
	}
	m.calls.Add(1)
	core.Ref(m.op).Hold()
	entered := m.s.enterRead(m.call)
	n, err := m.rd.Read(p)
	size := m.size.Add(int64(n))
	m.s.mu.Lock()
	m.s.leaveRead(entered)
	whole := m.s.in.peek().whole(size)
	later := m.s.unlockToEnd()
	core.Ref(m.op).Release()
	switch {
	case err == io.EOF, err == nil && whole:
		m.whole.Store(true)
		m.end(nil)
	case err != nil:
		m.abandoned.Store(true)
		m.end(err)
	}
	m.calls.Add(-1)
	runAll(later)
	m.settle()
	return n, err
}

// settle ends the read if the connection has closed meanwhile: then closed did not see
// this reader, or the program was inside.
func (m *messageReader) settle() {
	if m.s.isClosed() {
		m.closed()
	}
}

// end ends the read, once.
func (m *messageReader) end(err error) {
	if m == nil || m.over.Swap(true) {
		return
	}
	m.s.mu.Lock()
	if !m.whole.Load() {
		m.s.in.leave()
	}
	msg, verdict := m.s.didRead(m.call, err)
	m.s.live.clearLastRead(m.s, m.op, err)
	in := m.s.spanOf(m.call, inward)
	m.s.unlock()
	size := m.size.Load()
	if err == nil && !m.whole.Load() {
		m.op.SetAttributes(semconv.WebSocketMessageTakenKey.Int64(size))
		size, _ = msg.known(-1, 0)
	}
	if err == nil {
		m.recordSize(in, size)
	}
	if m.measured.Load() || m.abandoned.Load() {
		m.s.in.stream.CompareAndSwap(m, nil)
	}
	if m.s.foldRead(m.call, &msg, m.typ, size, err == nil && msg.index > 0, nil) {
		return
	}
	m.s.live.setLastRead(m.s.endRead(m.op, &msg, m.typ, size, verdict, err))
	m.s.stalls.readEnded(m.ctx, err)
}

// recordSize records the size of the message, once; a negative one is not known. in is
// the read's span.
func (m *messageReader) recordSize(in oteltrace.SpanContext, size int64) {
	if size >= 0 && !m.measured.Swap(true) {
		m.s.meter.recordRead(m.call, in, size, nil)
	}
}

// leave ends the read because the next one begins. From then on an io.EOF need not mean
// that the message is complete.
func (m *messageReader) leave() {
	if m != nil {
		m.abandoned.Store(true)
		m.end(nil)
	}
}

// closed ends the read because the connection closes, unless the program is inside the
// library with it, which then returns.
func (m *messageReader) closed() {
	if m == nil || m.calls.Load() > 0 {
		return
	}
	m.s.mu.Lock()
	whole := m.s.in.peek().index > 0
	m.s.mu.Unlock()
	if whole {
		m.end(nil)
		return
	}
	m.end(cmp.Or(m.s.lib.expired(m.call), net.ErrClosed))
}
