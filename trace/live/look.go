package live

import (
	"cmp"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	registry "github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// look is one observation by [Watch]: the blocks in progress, without details that are only
// for people.
type look struct {
	at     time.Time
	report registry.Report
	all    []registry.Source
	seen   []seen
	found  map[any]int // index in seen, by operation
	tasks  map[any]*registry.Task
	ends   map[ends]*registry.Connection // made by other when needed
}

// ends are the addresses of a connection's ends.
type ends struct{ local, remote string }

// seen is a block in progress.
type seen struct {
	registry.Wait
	look *look
	task *registry.Task       // the innermost task; nil: none
	conn *registry.Connection // nil: none
	idle bool
}

func newLook() *look {
	l := &look{found: map[any]int{}, tasks: map[any]*registry.Task{}}
	l.again()
	return l
}

// forget removes what was observed, and keeps the memory.
func (l *look) forget() {
	l.report.Reset()
	clear(l.all)
	clear(l.seen)
	l.all, l.seen, l.ends = l.all[:0], l.seen[:0], nil
	clear(l.found)
	clear(l.tasks)
}

// again repeats the observation.
func (l *look) again() {
	l.forget()
	l.at = time.Now()
	r := &l.report
	l.all = registry.All(l.all)
	for _, s := range l.all {
		s.Describe(r)
	}
	for i := range r.Tasks {
		l.tasks[r.Tasks[i].Key] = &r.Tasks[i]
	}
	for i := range r.Tasks {
		t := &r.Tasks[i]
		for _, w := range t.Waits {
			// A task may be listed before or after the task that it runs in.
			if at, ok := l.found[w.Op]; !ok {
				l.found[w.Op] = len(l.seen)
				l.seen = append(l.seen, seen{Wait: w, look: l, task: t, idle: l.idle(&w)})
			} else if l.depth(t) > l.depth(l.seen[at].task) {
				l.seen[at].task = t
			}
		}
	}
	for i := range r.Connections {
		c := &r.Connections[i]
		for _, call := range []*registry.Call{c.Reader, c.Writer, c.Turn, c.Frame} {
			l.call(c, call)
		}
		for i := range c.Pings {
			l.call(c, &c.Pings[i])
		}
	}
}

// call adds the block of a call on the connection, or the connection to a block that was
// added already.
func (l *look) call(c *registry.Connection, call *registry.Call) {
	if call == nil || call.Op == nil {
		return
	}
	at, ok := l.found[call.Op]
	switch {
	case ok:
	case call.Wait == nil || call.Task != nil:
		return // it runs, or its task has the wait
	default:
		at = len(l.seen)
		l.found[call.Op] = at
		l.seen = append(l.seen, seen{Wait: *call.Wait, look: l, idle: l.idle(call.Wait)})
	}
	s := &l.seen[at]
	s.conn = c
	if call.InMessage {
		s.idle = false
	}
}

func (s *seen) key() stallKey { return stallKey{s.Op, s.Since.UnixNano()} }

// depth returns how many tasks are on the way from t to the outermost one, including t.
func (l *look) depth(t *registry.Task) (n int) {
	for ; t != nil && n < maxDepth; n++ {
		t = l.tasks[t.Outer]
	}
	return n
}

const maxDepth = 64

// idle reports whether such a wait is normal, and delays nothing: it is for the next
// message or value, for a time, or for the end of goroutines.
func (l *look) idle(w *registry.Wait) bool {
	switch semconv.Reason(w.Reason) {
	case semconv.ReasonNetRead, semconv.ReasonNetAccept, semconv.ReasonChanRecv, semconv.ReasonSelect, semconv.ReasonCond, semconv.ReasonSleep,
		semconv.ReasonWaitGroup:
		return true
	case semconv.ReasonFuture:
		_, goroutine := w.On.(*trace.Task)
		return goroutine
	default:
		return false
	}
}

// cause returns why the operation is blocked, or "" if there is no evidence.
func (s *seen) cause() string {
	if k := s.socket(); k != nil && k.Known {
		return k.Cause
	}
	return ""
}

// socket returns the kernel's view of the block, or nil if that is unknown.
func (s *seen) socket() *registry.Socket {
	if s.conn == nil || s.Reason != string(semconv.ReasonNetWrite) {
		return nil
	}
	return s.conn.Socket
}

// below returns the parent for a span of the block: the span of the innermost sampled task,
// or else of the handshake. It is invalid if neither is sampled.
func (s *seen) below() oteltrace.SpanContext {
	t := s.task
	for n := 0; t != nil && n < maxDepth; n++ {
		if t.Span.IsSampled() {
			return t.Span
		}
		t = s.look.tasks[t.Outer]
	}
	if s.conn != nil && s.conn.Handshake.IsSampled() {
		return s.conn.Handshake
	}
	return oteltrace.SpanContext{}
}

// hold keeps the operation in use until its span has been made. It reports false if the
// operation is not in this block any more.
func (s *seen) hold() bool {
	if s.task != nil {
		return registry.HoldBlock(s.task.Key, s.Op, s.Since)
	}
	h, ok := s.conn.Key.(registry.Holder)
	return ok && h.HoldCall(s.Op, s.Since)
}

// attributes returns the attributes of the block's span.
func (s *seen) attributes() []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 24), semconv.BlockReasonKey.String(s.Reason))
	if t := s.task; t != nil {
		attrs = append(attrs, semconv.GoroutineIDKey.Int64(t.ID), semconv.GoroutineNameKey.String(t.Name))
	}
	if c := s.conn; c != nil {
		attrs = append(attrs, semconv.WebSocketConnectionIDKey.String(c.ID))
		switch s.Operation {
		case semconv.SpanWrite:
			attrs = append(attrs, semconv.WebSocketMessageIndexKey.Int(c.MessagesWritten+1))
		case semconv.SpanRead:
			attrs = append(attrs, semconv.WebSocketMessageIndexKey.Int(c.MessagesRead+1))
		}
	}
	if by := s.holder(); by != "" {
		attrs = append(attrs, semconv.StalledHolderKey.String(by))
	}
	if reader := s.reader(); reader != "" {
		attrs = append(attrs, semconv.StalledReaderKey.String(reader))
	}
	k := s.socket()
	if k == nil {
		return attrs
	}
	return k.AppendTo(append(attrs, semconv.BlockSourceKey.String(string(semconv.SourcePoll))))
}

// holder describes the goroutine that has what the block waits for, and what it does. It
// returns "" if the holder is unknown.
func (s *seen) holder() string {
	var by any
	switch on := s.On.(type) {
	case registry.Waitable:
		by = on.DescribeWait().Holder
	default:
		by = on
	}
	if s.Reason == string(semconv.ReasonWriteLock) && s.conn != nil && s.conn.Turn != nil {
		by = s.conn.Turn.Task
	}
	if t := s.look.tasks[by]; t != nil {
		return s.look.doing(t)
	}
	return ""
}

// reader describes what the reader at the other end of a blocked write does. It returns ""
// if that end is not in this process.
func (s *seen) reader() string {
	if s.conn == nil || s.Reason != string(semconv.ReasonNetWrite) || s.conn.Local == "" || s.conn.Remote == "" {
		return ""
	}
	peer := s.look.other(s.conn)
	switch {
	case peer == nil:
		return ""
	case peer.CloseRead:
		return "CloseRead discards what comes"
	case !peer.EverRead:
		return "nobody has read yet"
	}
	by, now := peer.LastReader, ""
	if peer.Reader != nil {
		by, now = peer.Reader.Task, ", in a read of this connection"
		if w := peer.Reader.Wait; w != nil {
			now += " for " + text.Duration(max(s.look.at.Sub(peer.Reader.Began), 0), " ")
		}
	}
	t := s.look.tasks[by]
	switch {
	case now != "" && t != nil:
		return t.Name + now
	case now != "":
		return "a goroutine that is not followed" + now
	case t != nil:
		return s.look.doing(t)
	case by != nil:
		return "its goroutine has ended"
	default:
		return ""
	}
}

// other returns the other end of a TCP connection, or nil if it is not in this process.
func (l *look) other(c *registry.Connection) *registry.Connection {
	if l.ends == nil {
		l.ends = make(map[ends]*registry.Connection, len(l.report.Connections))
		for i := range l.report.Connections {
			if c := &l.report.Connections[i]; c.Local != "" && c.Remote != "" {
				l.ends[ends{c.Local, c.Remote}] = c
			}
		}
	}
	return l.ends[ends{c.Remote, c.Local}]
}

// doing describes what a task does: the operation that it waits in, or that it runs.
func (l *look) doing(t *registry.Task) string {
	// Waits of the tasks that Handle runs in it are also waits of t.
	if t.Ended {
		return t.Name + " has ended"
	}
	if len(t.Waits) > 0 {
		w := slices.MinFunc(t.Waits, func(a, b registry.Wait) int { return a.Since.Compare(b.Since) })
		return t.Name + " is in " + w.Operation + " for " + text.Duration(max(l.at.Sub(w.Since), 0), " ")
	}
	since := t.Ran
	if since.IsZero() {
		since = t.Began
	}
	return t.Name + " runs, or waits for what is not traced, since " + text.Duration(max(l.at.Sub(since), 0), " ")
}

// sortDue sorts network writes first, because others wait for these, and then the oldest
// first.
func sortDue(due []*seen) {
	rank := func(s *seen) int {
		if s.Reason == string(semconv.ReasonNetWrite) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(due, func(a, b *seen) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Since.Compare(b.Since))
	})
}
