package live

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace"
)

// builder builds a view of this process's goroutines and connections. Its memory is reused:
// the view has no part of it.
type builder struct {
	v *View
	parts
	report live.Report

	sources []live.Source // all registered sources
	says    []live.Source // the source of each task of the report
	tasks   map[any]int   // index of each task in the report
	conns   map[any]int   // index of each connection in the report
	order   []place

	of     []int             // for each task of the report, its goroutine's index in the view; -1: none
	seen   map[any]int       // goroutines that are only known from a call, by operation
	roots  []int             // the outermost task of each goroutine; -1 if it is only known from a call
	calls  map[int]caller    // calls of the goroutines in seen, by goroutine
	pings  map[int][]pinging // waits for a pong, by goroutine
	prefix string            // of keys
}

// parts allocate the parts of a view, many at a time.
type parts struct {
	texts   texts
	waits   live.Slab[Wait]
	holders live.Slab[Holder]
	ons     live.Slab[On]
	tcps    live.Slab[TCP]
	spans   live.Slab[Span]
	doings  live.Slab[Doing]
}

// texts makes strings that share memory.
type texts struct{ strings.Builder }

func (t *texts) of(s ...[]byte) string {
	n := 0
	for i := range s {
		n += len(s[i])
	}
	if t.Cap()-t.Len() < n {
		room := min(max(2*t.Cap(), 1<<10), 1<<16)
		t.Reset()
		t.Grow(max(n, room))
	}
	at := t.Len()
	for i := range s {
		_, _ = t.Write(s[i])
	}
	return t.String()[at:]
}

// caller is the call from which alone a goroutine is known.
type caller struct {
	*live.Call
	of *live.Connection
}

// pinging is a wait for a pong.
type pinging struct {
	*live.Wait
	of *live.Connection
}

// place is the position of element i in an order.
type place struct {
	at, id int64
	i      int
}

func before(a, b place) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) }

var builders = sync.Pool{New: func() any {
	return &builder{
		tasks: map[any]int{}, conns: map[any]int{}, seen: map[any]int{}, calls: map[int]caller{}, pings: map[int][]pinging{},
		prefix: strconv.Itoa(self().PID) + ":",
	}
}}

// newBuilder returns a builder with the descriptions of all registered sources.
func newBuilder() *builder {
	b := builders.Get().(*builder)
	b.v = &View{
		Version: Version, At: time.Now(), Processes: []Process{self()},
		Goroutines: []Goroutine{}, Connections: []Connection{}, Findings: []Finding{},
	}
	b.sources = live.All(b.sources)
	conns := 0
	for _, s := range b.sources {
		if _, ok := s.(live.Weakly); ok {
			conns++
		}
	}
	b.report.Grow(len(b.sources)-conns, conns)
	for _, s := range b.sources {
		s.Describe(&b.report)
		for len(b.says) < len(b.report.Tasks) {
			b.says = append(b.says, s)
		}
	}
	for i := range b.report.Tasks {
		b.tasks[b.report.Tasks[i].Key] = i
	}
	for i := range b.report.Connections {
		c := &b.report.Connections[i]
		b.conns[c.Key] = i
		if c.ID == "" {
			c.ID = b.key('c', c.Serial)
		}
	}
	return b
}

// release returns the builder to the pool, without references to what it described.
func (b *builder) release() {
	b.v, b.parts = nil, parts{}
	b.report.Reset()
	clear(b.sources)
	clear(b.says)
	clear(b.tasks)
	clear(b.conns)
	clear(b.seen)
	clear(b.calls)
	clear(b.pings)
	b.sources, b.says, b.of, b.roots, b.order = b.sources[:0], b.says[:0], b.of[:0], b.roots[:0], b.order[:0]
	builders.Put(b)
}

// key returns the key of a goroutine or of a connection, which contains its number.
func (b *builder) key(kind byte, n int64) string {
	var p [64]byte
	return b.texts.of(strconv.AppendInt(append(append(p[:0], b.prefix...), kind), n, 10))
}

func (b *builder) build() *View {
	b.goroutines()
	b.order = b.order[:0]
	for i := range b.report.Connections {
		b.order = append(b.order, place{at: b.report.Connections[i].Serial, i: i})
	}
	slices.SortFunc(b.order, before)
	for _, p := range b.order {
		c := &b.report.Connections[p.i]
		b.callers(c)
		for j := range c.Pings {
			if at, ok := b.goroutine(c.Pings[j].Task); ok {
				b.pings[at] = append(b.pings[at], pinging{c.Pings[j].Wait, c})
			}
		}
	}
	for i := range b.v.Goroutines {
		b.fill(i)
	}
	b.v.Connections = make([]Connection, len(b.order))
	for n, p := range b.order {
		b.connection(&b.v.Connections[n], &b.report.Connections[p.i])
	}
	return b.v
}

// root returns the outermost task of the goroutine of task i.
func (b *builder) root(i int) int {
	for outer := b.report.Tasks[i].Outer; outer != nil; outer = b.report.Tasks[i].Outer {
		at, ok := b.tasks[outer]
		if !ok {
			break
		}
		i = at
	}
	return i
}

// goroutine returns the index of a task's goroutine, and whether there is one.
func (b *builder) goroutine(task any) (int, bool) {
	if task == nil {
		return 0, false
	}
	if i, ok := b.tasks[task]; ok {
		return b.of[i], b.of[i] >= 0
	}
	return 0, false
}

// goroutines adds a goroutine for each outermost task; the other tasks belong to one of
// these.
func (b *builder) goroutines() {
	tasks := b.report.Tasks
	for i := range tasks {
		b.order = append(b.order, place{int64(tasks[i].Began.Sub(b.v.At)), tasks[i].ID, i})
		b.of = append(b.of, -1)
	}
	slices.SortFunc(b.order, before)
	b.v.Goroutines = slices.Grow(b.v.Goroutines, len(tasks))
	inner := false
	for _, p := range b.order {
		t := &tasks[p.i]
		if t.Outer != nil && b.root(p.i) != p.i {
			inner = true
			continue
		}
		if t.Ended {
			continue
		}
		b.of[p.i] = len(b.v.Goroutines)
		b.roots = append(b.roots, p.i)
		b.v.Goroutines = append(b.v.Goroutines, Goroutine{Key: b.key('g', t.ID), ID: t.ID, Name: t.Name, Began: t.Began})
	}
	if inner {
		for _, p := range b.order {
			root := b.root(p.i)
			if at := b.of[root]; root != p.i && at >= 0 && !tasks[p.i].Ended {
				b.of[p.i] = at
				b.v.Goroutines[at].Inner = append(b.v.Goroutines[at].Inner, tasks[p.i].Name)
			}
		}
	}
	for i, root := range b.roots {
		if at, ok := b.goroutine(tasks[root].Parent); ok && at != i {
			b.v.Goroutines[i].Parent = b.v.Goroutines[at].Key
		}
	}
}

// callers adds the goroutines that are only known from a call on c.
func (b *builder) callers(c *live.Connection) {
	for _, call := range [...]*live.Call{c.Reader, c.Writer, c.Frame} {
		if call == nil || call.Op == nil {
			continue
		}
		if _, ok := b.goroutine(call.Task); ok {
			continue
		}
		if _, ok := b.seen[call.Op]; ok {
			continue
		}
		b.seen[call.Op] = len(b.v.Goroutines)
		b.calls[len(b.v.Goroutines)] = caller{call, c}
		b.roots = append(b.roots, -1)
		b.v.Goroutines = append(b.v.Goroutines, Goroutine{
			Key: b.prefix + c.ID + ":" + call.Operation, Name: taskName(call.Task), Began: call.Began,
		})
	}
}

// fill sets the waits of goroutine i.
func (b *builder) fill(i int) {
	g := &b.v.Goroutines[i]
	g.State, g.Since = StateRunning, g.Began
	var waits []live.Wait
	var of *live.Connection
	if root := b.roots[i]; root >= 0 {
		t := &b.report.Tasks[root]
		g.Since = latest(t.Began, t.Ran)
		waits = t.Waits
	} else if call := b.calls[i]; call.Wait != nil {
		waits, of = []live.Wait{*call.Wait}, call.of
	}
	var pings []pinging
	if len(b.pings) > 0 {
		pings = b.pings[i]
	}
	if len(waits)+len(pings) == 0 {
		return
	}
	g.Waits = b.waits.Take(len(waits) + len(pings))
	for j := range waits {
		b.wait(&g.Waits[j], &waits[j], of)
	}
	for j, w := range pings {
		b.wait(&g.Waits[len(waits)+j], w.Wait, w.of)
	}
	if len(g.Waits) > 1 {
		slices.SortStableFunc(g.Waits, func(x, y Wait) int { return x.Since.Compare(y.Since) })
	}
	g.State, g.Since = StateBlocked, g.Waits[0].Since
}

// holds reports whether a goroutine still waits as it did when the view was built.
func (b *builder) holds(goroutine int) bool {
	var again live.Report
	root := b.roots[goroutine]
	if root < 0 {
		return b.callHolds(goroutine)
	}
	b.says[root].Describe(&again)
	return len(again.Tasks) == 1 && slices.EqualFunc(again.Tasks[0].Waits, b.report.Tasks[root].Waits, sameWait)
}

func sameWait(x, y live.Wait) bool { return x.Op == y.Op && x.Since.Equal(y.Since) && x.On == y.On }

// callHolds is holds for a goroutine that is only known from a call.
func (b *builder) callHolds(goroutine int) bool {
	call := b.calls[goroutine]
	source, ok := call.of.Key.(live.Source)
	if !ok || call.Wait == nil {
		return false
	}
	var again live.Report
	source.Describe(&again)
	c := &again.Connections[0]
	return slices.ContainsFunc([]*live.Call{c.Reader, c.Writer, c.Frame}, func(c *live.Call) bool {
		return c != nil && c.Wait != nil && sameWait(*c.Wait, *call.Wait)
	})
}

func taskName(task any) string {
	if t, ok := task.(*trace.Task); ok && t != nil {
		return t.Name()
	}
	return ""
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
