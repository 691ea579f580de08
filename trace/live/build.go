package live

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// builder makes a view of what this process's goroutines and connections say.
type builder struct {
	v       *View
	report  live.Report
	ordered []*live.Task // by age
	tasks   map[any]*live.Task
	sources map[any]live.Source  // of tasks
	of      map[any]int          // goroutine of a task, by index in the view
	roots   []any                // the outermost task of a goroutine, nil for one that is only seen in a call
	calls   map[int]caller       // of those
	pings   map[int][]*live.Wait // for their pongs, by goroutine
	conns   map[any]*live.Connection
	lines   []*live.Connection // by age
	prefix  string             // of keys
}

// caller is a call in which alone a goroutine is seen.
type caller struct {
	*live.Call
	of *live.Connection
}

func newBuilder(sources []live.Source) *builder {
	b := &builder{
		v: &View{
			Version: Version, At: time.Now(), Processes: []Process{self()},
			Goroutines: []Goroutine{}, Connections: []Connection{}, Findings: []Finding{},
		},
		tasks: make(map[any]*live.Task, len(sources)), sources: make(map[any]live.Source, len(sources)),
		of: make(map[any]int, len(sources)), conns: map[any]*live.Connection{}, calls: map[int]caller{}, pings: map[int][]*live.Wait{},
		prefix: strconv.Itoa(self().PID) + ":",
	}
	conns := 0
	for _, s := range sources {
		if _, ok := s.(live.Weakly); ok {
			conns++
		}
	}
	b.report.Tasks = make([]live.Task, 0, len(sources)-conns)
	b.report.Connections = make([]live.Connection, 0, conns)
	for _, s := range sources {
		n := len(b.report.Tasks)
		s.Describe(&b.report)
		if len(b.report.Tasks) > n {
			b.sources[b.report.Tasks[n].Key] = s
		}
	}
	for i := range b.report.Tasks {
		b.ordered = append(b.ordered, &b.report.Tasks[i])
		b.tasks[b.report.Tasks[i].Key] = &b.report.Tasks[i]
	}
	for i := range b.report.Connections {
		c := &b.report.Connections[i]
		b.lines = append(b.lines, c)
		if c.ID == "" {
			c.ID = b.prefix + "c" + strconv.FormatInt(c.Serial, 10)
		}
	}
	return b
}

func (b *builder) build() *View {
	b.goroutines()
	slices.SortFunc(b.lines, func(x, y *live.Connection) int { return cmp.Compare(x.Serial, y.Serial) })
	for _, c := range b.lines {
		b.conns[c.Key] = c
		b.callers(c)
		for j := range c.Pings {
			if at, ok := b.of[c.Pings[j].Task]; ok {
				b.pings[at] = append(b.pings[at], c.Pings[j].Wait)
			}
		}
	}
	for i := range b.v.Goroutines {
		b.waits(i)
	}
	b.v.Connections = slices.Grow(b.v.Connections, len(b.lines))
	for _, c := range b.lines {
		b.v.Connections = append(b.v.Connections, b.connection(c))
	}
	return b.v
}

// root is the outermost task of the goroutine of task.
func (b *builder) root(task *live.Task) *live.Task {
	for task.Outer != nil {
		outer := b.tasks[task.Outer]
		if outer == nil {
			break
		}
		task = outer
	}
	return task
}

// goroutines makes one of each task, together with those that it is in.
func (b *builder) goroutines() {
	slices.SortFunc(b.ordered, func(x, y *live.Task) int {
		return cmp.Or(x.Began.Compare(y.Began), cmp.Compare(x.ID, y.ID))
	})
	b.v.Goroutines = slices.Grow(b.v.Goroutines, len(b.ordered))
	for _, t := range b.ordered {
		if b.root(t) != t || t.Ended {
			continue
		}
		b.of[t.Key] = len(b.v.Goroutines)
		b.roots = append(b.roots, t.Key)
		b.v.Goroutines = append(b.v.Goroutines, Goroutine{
			Key: b.prefix + "g" + strconv.FormatInt(t.ID, 10), ID: t.ID, Name: t.Name, Began: t.Began,
		})
	}
	for _, t := range b.ordered {
		at, ok := b.of[b.root(t).Key]
		if !ok || t.Ended {
			continue
		}
		b.of[t.Key] = at
		g := &b.v.Goroutines[at]
		if g.Key != "" && b.roots[at] != t.Key {
			g.Inner = append(g.Inner, t.Name)
		}
	}
	for i, root := range b.roots {
		if at, ok := b.of[b.tasks[root].Parent]; ok && at != i {
			b.v.Goroutines[i].Parent = b.v.Goroutines[at].Key
		}
	}
}

// callers makes goroutines of those that are only seen in a call on c.
func (b *builder) callers(c *live.Connection) {
	for _, call := range []*live.Call{c.Reader, c.Writer, c.Frame} {
		if call == nil || call.Op == nil {
			continue
		}
		if _, ok := b.of[call.Task]; ok {
			continue
		}
		if _, ok := b.of[call.Op]; ok {
			continue
		}
		b.of[call.Op] = len(b.v.Goroutines)
		b.roots = append(b.roots, nil)
		b.calls[len(b.v.Goroutines)] = caller{call, c}
		b.v.Goroutines = append(b.v.Goroutines, Goroutine{
			Key: b.prefix + c.ID + ":" + call.Operation, Name: taskName(call.Task), Began: call.Began,
		})
	}
}

// waits fills in the waits of the goroutine with the index i.
func (b *builder) waits(i int) {
	g := &b.v.Goroutines[i]
	g.State, g.Since = StateRunning, g.Began
	if t := b.tasks[b.roots[i]]; t != nil {
		g.Since = latest(t.Began, t.Ran)
		for j := range t.Waits {
			g.Waits = append(g.Waits, b.wait(&t.Waits[j]))
		}
	} else if call := b.calls[i]; call.Wait != nil {
		g.Waits = append(g.Waits, b.wait(call.Wait))
	}
	for _, w := range b.pings[i] {
		g.Waits = append(g.Waits, b.wait(w))
	}
	if len(g.Waits) == 0 {
		return
	}
	slices.SortStableFunc(g.Waits, func(x, y Wait) int { return x.Since.Compare(y.Since) })
	g.State, g.Since = StateBlocked, g.Waits[0].Since
}

func (b *builder) wait(raw *live.Wait) Wait {
	w := Wait{Operation: raw.Operation, Reason: raw.Reason, Since: raw.Since, Age: max(b.v.At.Sub(raw.Since), 0)}
	if raw.Span.IsSampled() {
		w.Span = &Span{raw.Span.TraceID().String(), raw.Span.SpanID().String()}
	}
	switch on := raw.On.(type) {
	case live.Waitable:
		b.on(&w, on.DescribeWait())
	case *trace.Task:
		w.On = &On{Kind: "task", Name: on.Name()}
		w.Holders = []Holder{b.holder(on, "is awaited", true)}
	default:
		if c := b.conns[raw.On]; c != nil {
			b.onConnection(&w, raw, c)
		}
	}
	w.WakeHint = hint(&w)
	return w
}

func (b *builder) on(w *Wait, on live.On) {
	w.On = &On{Kind: on.Kind, Length: on.Length, Capacity: on.Capacity, Held: on.Held, Size: on.Size, Waiting: on.Waiting}
	strong := false
	switch w.Reason {
	case string(semconv.ReasonLock):
		w.On.Kind, w.On.Size, strong = "mutex", 0, true
		if on.Size > 1 {
			w.On.Kind = "rwmutex"
		}
	case string(semconv.ReasonCond):
		w.On.Kind = "cond"
	case string(semconv.ReasonFuture):
		w.On.Kind = "future"
	}
	if on.Known {
		w.Holders = []Holder{b.holder(on.Holder, "holds the "+w.On.Kind, strong)}
	}
	w.On.LastSender, w.On.LastReceiver = b.key(on.LastSender), b.key(on.LastReceiver)
}

func (b *builder) onConnection(w *Wait, raw *live.Wait, c *live.Connection) {
	w.Connection = c.ID
	switch {
	case c.Reader != nil && c.Reader.Op == raw.Op:
		w.Message = c.MessagesRead + 1
		w.Idle = w.Reason == string(semconv.ReasonNetRead) && !c.Reader.InMessage
	case c.Writer != nil && c.Writer.Op == raw.Op, w.Operation == semconv.SpanWrite:
		w.Message = c.MessagesWritten + 1
	}
	switch w.Reason {
	case string(semconv.ReasonNetWrite):
		if s := c.Socket; s != nil && s.Known {
			w.Cause = s.Cause
			w.TCP = &TCP{
				Written: s.Written, Queued: s.Queue, NotSent: s.NotSent, Unacked: s.Unacked, PeerWindow: s.Window,
				RTT: s.RTT, RwndLimited: s.RwndLimited, Busy: s.Busy, SndbufLimited: s.SndbufLimited, Retransmits: s.Retransmits,
			}
		}
	case string(semconv.ReasonWriteLock):
		w.On = &On{Kind: "write lock", Waiting: c.WritesWaiting}
		by := c.Turn
		if c.Frame != nil && w.Operation != semconv.SpanWrite {
			by = c.Frame
		}
		if by == nil || by.Op == raw.Op || by.Op == nil {
			return
		}
		h := b.holder(by.Task, "holds the write lock", true)
		if at, ok := b.of[by.Op]; ok && h.Goroutine == "" {
			h.Goroutine, h.Ended = b.v.Goroutines[at].Key, false
		}
		h.Since = by.Began
		w.Holders = []Holder{h}
	}
}

// key is that of the goroutine of a task, "" for none.
func (b *builder) key(task any) string {
	if at, ok := b.of[task]; ok && task != nil {
		return b.v.Goroutines[at].Key
	}
	return ""
}

func (b *builder) holder(task any, what string, strong bool) Holder {
	h := Holder{Goroutine: b.key(task), Name: taskName(task), Strong: strong, What: what}
	h.Ended = h.Goroutine == "" && ended(task)
	return h
}

func taskName(task any) string {
	if t, ok := task.(*trace.Task); ok && t != nil {
		return t.Name()
	}
	return ""
}

func ended(task any) bool {
	t, ok := task.(*trace.Task)
	if !ok || t == nil {
		return false
	}
	s := t.State()
	return s != semconv.StateRunning && s != semconv.StatePending
}

func (b *builder) connection(c *live.Connection) Connection {
	v := Connection{
		ID: c.ID, PeerID: c.PeerID, Role: c.Role, Local: address(c.Local), Remote: address(c.Remote),
		Sampled: c.Sampled, Since: c.Began, Age: max(b.v.At.Sub(c.Began), 0),
		MessagesRead: c.MessagesRead, MessagesWritten: c.MessagesWritten,
		BytesRead: c.BytesRead, BytesWritten: c.BytesWritten,
		LastRead: c.LastRead, LastWrite: c.LastWrite, LastPong: c.LastPong,
		Reading: c.Reading, CloseRead: c.CloseRead, PartRead: c.PartRead,
		WritesWaiting: c.WritesWaiting,
	}
	switch {
	case c.Reader != nil:
		v.Reader = b.inside(c.Reader)
	case c.LastReader != nil:
		v.Reader = b.instead(c.LastReader)
	case c.EverRead:
		v.Reader = &Doing{}
	}
	if c.Writer != nil {
		v.Writer = b.inside(c.Writer)
	}
	return v
}

func address(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// inside is what a call does that is in the library.
func (b *builder) inside(c *live.Call) *Doing {
	d := &Doing{Inside: true, Goroutine: b.key(c.Task), Name: taskName(c.Task), Operation: c.Operation, Since: c.Began, Began: c.Began}
	if at, ok := b.of[c.Op]; ok && d.Goroutine == "" && c.Op != nil {
		d.Goroutine = b.v.Goroutines[at].Key
	}
	if c.Wait != nil {
		d.Reason, d.Since = c.Wait.Reason, c.Wait.Since
	}
	return d
}

// instead is what the goroutine of a task does that is not inside.
func (b *builder) instead(task any) *Doing {
	d := &Doing{Goroutine: b.key(task), Name: taskName(task), Ended: ended(task)}
	if at, ok := b.of[task]; ok {
		g := &b.v.Goroutines[at]
		d.Since, d.Site, d.Ended = g.Since, g.Site, false
		if len(g.Waits) > 0 {
			d.Operation, d.Reason = g.Waits[0].Operation, g.Waits[0].Reason
		}
	}
	return d
}

// holds reports whether a goroutine waits now as it did when the view was made.
func (b *builder) holds(goroutine int) bool {
	t := b.tasks[b.roots[goroutine]]
	if t == nil {
		return b.callHolds(goroutine)
	}
	var again live.Report
	b.sources[t.Key].Describe(&again)
	return len(again.Tasks) == 1 && slices.EqualFunc(again.Tasks[0].Waits, t.Waits, sameWait)
}

func sameWait(x, y live.Wait) bool { return x.Op == y.Op && x.Since.Equal(y.Since) && x.On == y.On }

// callHolds is holds for a goroutine that is only seen in a call.
func (b *builder) callHolds(goroutine int) bool {
	call := b.calls[goroutine]
	source, ok := call.of.Key.(live.Source)
	if !ok || call.Wait == nil {
		return false
	}
	var again live.Report
	source.Describe(&again)
	for _, c := range []*live.Call{again.Connections[0].Reader, again.Connections[0].Writer, again.Connections[0].Frame} {
		if c != nil && c.Wait != nil && sameWait(*c.Wait, *call.Wait) {
			return true
		}
	}
	return false
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
