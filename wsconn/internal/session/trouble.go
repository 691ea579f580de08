package session

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// rivalWrite is one of two concurrent writes of messages, which the library forbids.
type rivalWrite struct {
	span oteltrace.SpanContext
	pc   uintptr // of the program's call
}

func (w rivalWrite) known() bool { return w.pc != 0 }

// caller returns the pc of the program's call of an adapter's method, which called one
// of a session.
func caller() uintptr {
	var pcs [1]uintptr
	runtime.Callers(4, pcs[:]) // Callers, caller, the session's, the adapter's
	return pcs[0]
}

// place returns the call's function, without its directory, and line.
func (w rivalWrite) place() (function string, line int) {
	f, _ := runtime.CallersFrames([]uintptr{w.pc}).Next()
	return f.Function[strings.LastIndexByte(f.Function, '/')+1:], f.Line
}

// reportRival reports on w that other was in progress at the same time, and where both
// began.
func (w *Write) reportRival(other rivalWrite) {
	if !other.known() {
		return
	}
	function, line := rivalWrite{pc: w.pc}.place()
	otherFunction, otherLine := other.place()
	w.op.Link(other.span)
	w.op.SetAttributes(
		semconv.CodeFunctionNameKey.String(function), semconv.CodeLineNumberKey.Int(line),
		semconv.WebSocketOtherWriteFunctionKey.String(otherFunction), semconv.WebSocketOtherWriteLineKey.Int(otherLine))
}

// spanNow returns the span of a write that is inside the library on another goroutine,
// and begins it if need be: its sinks run here, where no lock of the library is held.
func (w *Write) spanNow() oteltrace.SpanContext {
	showBlocks(w.op)
	if sc := core.Ref(w.op).Now(); sc.IsValid() {
		return sc
	}
	return w.origin()
}

// noteRival notes the span of w, which has left the library, for the write that w began
// beside, if that is still in progress.
func (w *Write) noteRival() {
	if w.held || w.pc == 0 {
		return
	}
	core.Ref(w.op).Release()
	sc := w.origin()
	w.s.mu.Lock()
	if w.s.out.rival.pc == w.pc {
		w.s.out.rival.span = sc
	}
	w.s.mu.Unlock()
}

// failure is the first error of sending, after which the library sends nothing more.
type failure struct {
	met  bool
	by   trace.Op // the failed operation, while it lasts
	span oteltrace.SpanContext
}

// noteFailure notes that sending has failed. The caller holds s.mu.
func (out *outbound) noteFailure() {
	if !out.failure.met {
		out.failure = failure{met: true, by: out.last}
	}
}

// settleFailure is called when c has left the library with an error: the first of all,
// or one because of an earlier one, which c then links to.
func (s *Session) settleFailure(c call) {
	if !s.lib.FailsForGood || !c.op.Valid() {
		return
	}
	core.Ref(c.op).Release()
	own := c.origin()
	s.mu.Lock()
	f := &s.out.failure
	first := f.by == c.op
	if first {
		f.by, f.span = trace.Op{}, own
	}
	before, of := f.met && !first && s.out.last != c.op, f.span
	s.mu.Unlock()
	if before {
		c.op.Link(of)
		c.op.SetAttributes(semconv.WebSocketFailedBeforeKey.Bool(true))
	}
}

// deadline is the write deadline that the library has set.
type deadline struct{ at atomic.Int64 } // in nanoseconds; 0: not known, 1: never

func (d *deadline) set(t time.Time) {
	if t.IsZero() {
		d.at.Store(1)
		return
	}
	d.at.Store(t.UnixNano())
}

// timeout returns the time limit of a write that begins at start; 0: none.
func (d *deadline) timeout(start time.Time) (seconds float64, known bool) {
	switch at := d.at.Load(); at {
	case 0:
		return 0, false
	case 1:
		return 0, true
	default:
		return max(time.Unix(0, at).Sub(start).Seconds(), 1e-9), true
	}
}

// timeLimit returns an attribute with the time limit of a blocked write, in seconds;
// false if that is not known, or if the write was not blocked.
func (w *Write) timeLimit() (attribute.KeyValue, bool) {
	blocked := core.Ref(w.op).Blocked()
	if blocked < time.Millisecond || w.s.wire == nil {
		return attribute.KeyValue{}, false
	}
	seconds, known := w.s.wire.deadline.timeout(time.Now().Add(-blocked))
	return semconv.WebSocketWriteTimeoutKey.Float64(seconds), known
}

var errStarved = errors.New("the ping was not answered in time: another frame was being sent")

// starved is an answer that the library gave up.
type starved struct {
	reader call
	since  time.Time
	holder sender // of the frame that was being sent
}

func (g starved) known() bool { return !g.since.IsZero() }

// takeStarved removes and returns the answer that the library has given up: it has
// waited for ControlTimeout, and reads on or has returned a message. The caller holds
// s.mu.
func (s *Session) takeStarved() (g starved) {
	since := s.in.answering
	if since.IsZero() || s.lib.ControlTimeout == 0 || time.Since(since) < s.lib.ControlTimeout {
		return g
	}
	s.in.answering = time.Time{}
	showBlocks(s.out.last)
	return starved{s.in.reader, since, s.out.lastSender()}
}

// reportStarved reports g as a wait of the read, and as a failed pong. The pong is
// deferred until the read has left the library; left: it has.
func (s *Session) reportStarved(g starved, left bool) {
	if !g.known() {
		return
	}
	showBlocks(g.reader.op)
	g.reader.op.Block(semconv.ReasonWriteLock, trace.At(g.since), sourceTimed)
	g.reader.op.Wake(semconv.WakeDeadline)
	s.measureAnswer(g.reader, g.since)
	if !s.recorded {
		return
	}
	ended := time.Now()
	pong := func() {
		attrs := []attribute.KeyValue{s.id}
		holder := g.holder.span
		if g.holder.promise != nil {
			holder = g.holder.promise.Now()
		}
		if holder.IsValid() {
			attrs = append(attrs, semconv.BlockHolderKey.String(holder.SpanID().String()))
		}
		core.Ref(g.reader.op).Release()
		core.Of(s.tracer).Record(g.reader.context(), semconv.SpanPong, g.since, ended, semconv.ErrorDeadlineExceeded, errStarved, attrs...)
	}
	if left {
		pong()
		return
	}
	s.mu.Lock()
	s.deferred = append(s.deferred, pong)
	s.mu.Unlock()
}
