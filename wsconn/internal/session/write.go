package session

import (
	"cmp"
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// Write is the write of one message. The zero Write does nothing.
type Write struct {
	s *Session
	call
	typ  frame.Opcode // of the message; 0: see its frames
	held bool         // it has the write lock
	over bool
	wait *stallWait // its wait for a parked write; nil: none
	pc   uintptr    // of the program's call, if the library does not serialise writers
}

// BeginWrite begins the write of a message of the library's message type; 0 means the
// type in its frames. If the library serialises writers, it waits until no other
// message is being written. If not, it closes a [Write.Writer] that the program left
// open, as the library would. [Write.End] or [Write.Writer] must follow.
func (s *Session) BeginWrite(ctx context.Context, messageType int) Write {
	var wait *stallWait
	if s.stalls != nil {
		wait = s.stalls.waitBegins()
	}
	if s.off {
		if s.stalls == nil {
			return Write{}
		}
		return Write{s: s, call: call{ctx: ctx}, wait: wait}
	}
	if s.lib.ConcurrentWriters {
		if m := s.out.stream.Load(); m != nil && m.calls.Load() == 0 {
			_ = m.Close()
		}
	}
	var pc uintptr
	if s.lib.ConcurrentWriters && s.light == nil {
		pc = caller()
	}
	w := Write{s: s, call: call{ctx: ctx}, typ: frame.Opcode(messageType), wait: wait}
	if s.light == nil {
		if next, ok := s.nextWrite(ctx, w.typ, pc); ok {
			return next
		}
		w.op = s.startMessage(ctx, semconv.SpanWrite)
	}
	if w.op.Valid() {
		w.pc = pc
	}
	var first Write
	s.mu.Lock()
	if w.held = s.writing.tryLock(); w.held {
		s.enterWriteLocked(w)
		if s.light == nil {
			s.out.holder = w
		}
	} else if s.lib.ConcurrentWriters {
		first, s.out.rival = s.out.holder, rivalWrite{pc: w.pc}
	}
	s.mu.Unlock()
	switch {
	case w.held:
	case s.lib.ConcurrentWriters:
		showBlocks(w.op)
		w.reportRival(rivalWrite{first.spanNow(), first.pc})
	case s.waitForTurn(&w):
		w.held = true
		core.Ref(w.op).Release() // begin the span if possible: a trace pong names it
		s.enterWrite(w)
	}
	if w.held {
		s.joinRun(&w)
	}
	return w
}

// enterWrite notes that w enters the library. The frames that are sent next belong to w.
func (s *Session) enterWrite(w Write) {
	if w.held {
		core.Ref(w.op).Hold()
		s.mu.Lock()
		s.enterWriteLocked(w)
		s.mu.Unlock()
	}
}

// enterWriteLocked is enterWrite for a write that has the write lock and whose events
// are held. The caller holds s.mu.
func (s *Session) enterWriteLocked(w Write) {
	s.out.writer, s.out.writerType = w.call, w.typ
	s.awaitLock(w.op)
}

// leaveWrite notes that w has left the library before its end.
func (s *Session) leaveWrite(w Write) {
	if w.held {
		s.mu.Lock()
		s.leaveLockWait()
		s.out.writer = call{}
		s.unlock()
		core.Ref(w.op).Release()
	}
}

// End ends the write of a message of size bytes, or a write that failed. A negative size
// is taken from the frames, if they show it.
func (w *Write) End(size int64, err error) {
	if w.s == nil || w.over {
		return
	}
	w.over = true
	s := w.s
	if s.stalls != nil {
		defer s.stalls.writeEnded(w.ctx, w.wait, size, err)
	}
	if s.off {
		return
	}
	if s.light != nil && w.held && err == nil && !w.op.Valid() {
		w.endLight(size)
		return
	}
	var m message
	var promise *core.Promise
	var rival rivalWrite
	metered := w.call
	if s.meter != nil && s.recorded {
		metered = call{ctx: w.context()} // also when it is folded
	}
	var f core.Folded
	var over *run
	folded := false
	s.mu.Lock()
	in := s.spanOf(metered, outward)
	if w.held {
		promise = s.out.promiseOf(w.op, s.writing.waiting > 0)
		rival = s.out.rival
		s.leaveLockWait()
		s.out.writer, s.out.rival, s.out.holder = call{}, rivalWrite{}, Write{}
		s.showLast(w.op)
		if err == nil && !w.typ.IsControl() {
			m = s.out.message
			s.out.keepSpan(w.op)
		}
		by := sender{promise: promise}
		if s.writing.waiting > 0 {
			by.span = w.origin()
		}
		if err == nil && m.index > 0 && !rival.known() {
			known, typ := m.known(size, w.typ)
			over, folded = s.fold(&s.out.runs, w.call, &m, typ, known, &f)
		}
		s.writing.unlock(by)
	}
	if s.folds() && !folded && !w.typ.IsControl() {
		over = s.out.runs.ends()
	}
	later := s.unlockToEnd()
	promise.Keep()
	if folded {
		f.Settle()
		s.live.lastWrite.Store(int64(f.End().Sub(s.live.began)))
		size, _ = m.known(size, w.typ)
		s.meter.recordWrite(metered, in, size, nil)
		s.finishRun(over)
		runAll(later)
		return
	}
	if s.folds() {
		over.leave(w.op)
		s.finishRun(over)
		core.Ref(w.op).Unfold()
	}
	w.reportRival(rival)
	w.noteRival()
	if err != nil {
		s.settleFailure(w.call)
	}
	if limit, ok := w.timeLimit(); ok {
		w.op.SetAttributes(limit)
	}
	size, typ := m.known(size, w.typ)
	s.meter.recordWrite(metered, in, size, err)
	var ended time.Time
	switch {
	case !w.op.Valid():
	case err == nil && !s.recorded:
		ended = endNow(w.op, core.End{})
	case !s.recorded:
		s.end(w.op, err)
	case err == nil:
		ended = m.endWith(w.op, transmitted, typ, s.id, size)
	default:
		s.end(w.op, err, m.attributes(transmit, typ, s.id, size)...)
	}
	runAll(later)
	s.live.setLastWrite(ended)
}

// endLight is End for a write of a light connection that sent its message, and is no
// operation.
func (w *Write) endLight(size int64) {
	s := w.s
	s.mu.Lock()
	in := s.spanOf(w.call, outward)
	s.leaveLockWait()
	s.out.writer = call{}
	if size < 0 && !w.typ.IsControl() {
		size, _ = s.out.message.known(size, w.typ)
	}
	s.writing.unlock(sender{})
	s.unlock()
	s.meter.recordWrite(w.call, in, size, nil)
}

// EndPanicked ends a write in which the library panicked, and links it to the
// concurrent write that caused the panic, if any. It is for a deferred call, and does
// nothing after [Write.End]. It does not recover.
func (w *Write) EndPanicked() {
	if w.s == nil || w.over {
		return
	}
	w.over = true
	s := w.s
	if s.stalls != nil {
		s.stalls.waitEnds(w.wait)
	}
	if s.off {
		return
	}
	var other rivalWrite
	var promise *core.Promise
	var over *run
	s.mu.Lock()
	if w.held {
		promise = s.out.promiseOf(w.op, false)
		s.leaveLockWait()
		s.out.writer, s.out.holder = call{}, Write{}
		over = s.out.runs.ends()
		other, s.out.rival = s.out.rival, rivalWrite{}
		s.writing.unlock(sender{w.origin(), promise})
	}
	s.unlock()
	promise.Keep()
	over.leave(w.op)
	s.finishRun(over)
	w.reportRival(other)
	w.noteRival()
	core.Ref(w.op).Unfold()
	w.op.EndAs(semconv.ErrorPanic)
}

// Writer returns a writer of the message for the program. The write ends at Close, at
// the first error, or when the connection closes.
func (w *Write) Writer(wc io.WriteCloser) io.WriteCloser {
	if w.s == nil || w.s.off {
		return wc
	}
	m := &messageWriter{wc: wc, write: *w}
	w.over = true // m continues it
	w.s.leaveWrite(*w)
	w.s.out.stream.Store(m)
	m.settle()
	return m
}

type messageWriter struct {
	wc    io.WriteCloser
	write Write
	size  atomic.Int64
	calls atomic.Int32 // in progress
	over  atomic.Bool
}

func (m *messageWriter) Write(p []byte) (int, error) {
	returned := false
	m.enter()
	defer m.leavePanicking(&returned)
	n, err := m.wc.Write(p)
	returned = true
	m.size.Add(int64(n))
	m.leave(err != nil, err)
	return n, err
}

func (m *messageWriter) Close() error {
	returned := false
	m.enter()
	defer m.leavePanicking(&returned)
	err := m.wc.Close()
	returned = true
	m.leave(true, err)
	return err
}

func (m *messageWriter) enter() {
	m.calls.Add(1)
	if !m.over.Load() {
		m.write.s.enterWrite(m.write)
	}
}

func (m *messageWriter) leave(ends bool, err error) {
	switch {
	case ends:
		m.end(err)
	case !m.over.Load():
		m.write.s.leaveWrite(m.write)
		m.write.op.Wake(semconv.WakeUnlocked) // its bytes are still in the library's buffer
	}
	m.calls.Add(-1)
	m.settle()
}

// settle ends the write if the connection has closed meanwhile: then closed did not see
// this writer, or the program was inside.
func (m *messageWriter) settle() {
	if m.write.s.isClosed() {
		m.closed()
	}
}

func (m *messageWriter) leavePanicking(returned *bool) {
	if *returned {
		return
	}
	if !m.over.Swap(true) {
		m.write.s.out.stream.CompareAndSwap(m, nil)
		m.write.EndPanicked()
	}
	m.calls.Add(-1)
}

// end ends the write, once.
func (m *messageWriter) end(err error) {
	if !m.over.Swap(true) {
		m.write.s.out.stream.CompareAndSwap(m, nil)
		m.write.End(m.size.Load(), err)
	}
}

// closed ends the write because the connection closes, unless the program is inside the
// library with it, which then returns.
func (m *messageWriter) closed() {
	if m != nil && m.calls.Load() == 0 {
		m.end(cmp.Or(m.write.s.lib.expired(m.write.call), net.ErrClosed))
	}
}
