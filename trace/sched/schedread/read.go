package schedread

import (
	"errors"
	"fmt"
	"io"
	"time"

	exptrace "golang.org/x/exp/trace"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/annotate"
)

// Trace is the content of an execution trace. It does not change, and is safe for
// concurrent use.
type Trace struct {
	// Start and End are the times of the first and the last event. In a trace of Go 1.24 or
	// older they count from 1970.
	Start, End time.Time

	Events     int
	Goroutines int // kept
	Blocks     int // kept, including system calls and assists of the collector
	Suppressed int // blocks that were left out

	cfg    config
	gs     map[int64]*goroutine
	parks  []*park
	key    [32]byte // for span ids
	origin time.Time
	zero   int64 // origin, on the trace's clock
	end    int64
}

// reader reads one trace.
type reader struct {
	cfg    config
	in     *counter
	stacks stacks
	gs     map[int64]*goroutine
	spans  map[oteltrace.SpanID]int64 // open spans: the goroutine that each began on
	done   []*park                    // parks that are over

	first, last int64
	events      int
	suppressed  int
	born        int // goroutines that were created since the last sweep
	origin      time.Time
	zero        int64
}

// counter counts the bytes that are read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// Read reads an execution trace. If the trace ends early, such as that of a program that
// was killed, Read returns the part that could be read, and an error.
func Read(r io.Reader, opts ...Option) (*Trace, error) {
	rd := &reader{
		cfg: config{service: "go", maxBlocks: 20_000}, in: &counter{r: r},
		stacks: stacks{map[exptrace.Stack]*stack{}, map[string]*stack{}, nil},
		gs:     map[int64]*goroutine{}, spans: map[oteltrace.SpanID]int64{},
	}
	for _, o := range opts {
		if o != nil {
			o.apply(&rd.cfg)
		}
	}
	head, in, err := header(rd.in)
	if err != nil {
		return nil, err
	}
	from, err := exptrace.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("schedread: a trace of go 1.%d: %w", head, err)
	}
	for {
		ev, readErr := from.ReadEvent()
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			err = fmt.Errorf("schedread: after %d events: %w", rd.events, readErr)
			break
		}
		rd.event(&ev)
	}
	return rd.trace(), err
}

// event handles one event.
func (r *reader) event(ev *exptrace.Event) {
	now := int64(ev.Time())
	if r.events == 0 {
		r.first = now
	}
	r.events++
	r.last = max(r.last, now)
	if r.events%100_000 == 0 {
		r.report(false)
	}
	switch ev.Kind() {
	case exptrace.EventSync:
		clear(r.stacks.now)
		if c := ev.Sync().ClockSnapshot; c != nil && r.origin.IsZero() {
			r.origin, r.zero = c.Wall, int64(c.Trace)
		}
	case exptrace.EventLog:
		if l := ev.Log(); l.Category == annotate.Category {
			r.note(int64(ev.Goroutine()), l.Message)
		}
	case exptrace.EventRangeBegin, exptrace.EventRangeActive, exptrace.EventRangeEnd:
		if rg := ev.Range(); rg.Scope.Kind == exptrace.ResourceGoroutine && rg.Name == "GC mark assist" {
			g := r.goroutine(int64(rg.Scope.Goroutine()), now)
			if ev.Kind() == exptrace.EventRangeEnd {
				r.assisted(g, now)
			} else if g.gc == nil {
				g.gc = r.begin(g, assist, now, ev.Stack())
				g.gc.before = ev.Kind() == exptrace.EventRangeActive
			}
		}
	case exptrace.EventStateTransition:
		if tr := ev.StateTransition(); tr.Resource.Kind == exptrace.ResourceGoroutine {
			r.transition(ev, &tr, now)
		}
	}
}

func (r *reader) goroutine(id, now int64) *goroutine {
	g := r.gs[id]
	if g == nil {
		g = &goroutine{id: id, since: now}
		r.gs[id] = g
		r.born++
	}
	return g
}

// transition handles a change of a goroutine's state.
func (r *reader) transition(ev *exptrace.Event, tr *exptrace.StateTransition, now int64) {
	from, to := tr.Goroutine()
	g := r.goroutine(int64(tr.Resource.Goroutine()), now)
	if from == to { // repeated at the beginning of a part of the trace
		g.saw(r.stacks.of(tr.Stack))
		return
	}
	g.spend(now)
	g.state, g.since = to, now
	if from == exptrace.GoSyscall && to != exptrace.GoSyscall {
		r.returned(g, now)
	}
	switch {
	case from == exptrace.GoNotExist && to != exptrace.GoNotExist:
		r.create(g, int64(ev.Goroutine()), r.stacks.of(ev.Stack()), now)
		g.saw(r.stacks.of(tr.Stack))
	case to == exptrace.GoNotExist:
		r.finish(g, now)
	case to == exptrace.GoWaiting && from == exptrace.GoUndetermined:
		s := r.stacks.of(tr.Stack)
		r.park(g, tr.Reason, s, r.first)
		g.cur.before = true
	case to == exptrace.GoWaiting:
		r.park(g, tr.Reason, r.stacks.of(tr.Stack), now)
	case to == exptrace.GoSyscall:
		g.saw(r.stacks.of(tr.Stack))
		g.sys = r.begin(g, syscalls, now, tr.Stack)
		g.sys.before = from == exptrace.GoUndetermined
	case from == exptrace.GoWaiting && to == exptrace.GoRunnable:
		r.ready(g, int64(ev.Goroutine()), ev.Stack(), now)
	case to == exptrace.GoUndetermined:
	default:
		g.saw(r.stacks.of(tr.Stack))
	}
	if to == exptrace.GoRunning {
		r.runs(g, now)
	}
}

func (r *reader) create(g *goroutine, creator int64, by *stack, now int64) {
	g.born, g.created = now, by
	if c := r.gs[creator]; c != nil && creator > 0 {
		g.creator = creator
		g.base, _ = c.inside(r.spans)
	}
}

// begin returns a new park of the given class.
func (r *reader) begin(g *goroutine, c class, now int64, s exptrace.Stack) *park {
	p := &park{g: g, class: c, start: now, stack: r.stacks.of(s)}
	p.in, p.inherited = g.inside(r.spans)
	return p
}

func (r *reader) park(g *goroutine, reason string, s *stack, now int64) {
	g.saw(s)
	p := &park{g: g, class: classify(reason, s), start: now, stack: s}
	p.in, p.inherited = g.inside(r.spans)
	p.local, p.remote = g.local, g.remote
	g.local, g.remote = "", ""
	g.cur = p
}

// ready handles that a goroutine became ready to run.
func (r *reader) ready(g *goroutine, by int64, s exptrace.Stack, now int64) {
	p := g.cur
	if p == nil || p.ready != 0 {
		return
	}
	p.ready = now
	if by <= 0 {
		p.nobody = true
		return
	}
	p.by = r.stacks.of(s)
	if _, known := woken(p); known && r.gs[by] != nil {
		p.waker = by
		p.byIn, p.byInherited = r.gs[by].inside(r.spans)
	}
}

// runs handles that a goroutine got a processor.
func (r *reader) runs(g *goroutine, now int64) {
	if g.run == 0 && g.born != 0 {
		g.run = now
	}
	if p := g.cur; p != nil {
		if g.cur = nil; p.ready == 0 {
			p.ready = now
		}
		r.over(p, now)
	}
	if p := g.sys; p != nil && p.ready != 0 {
		g.sys = nil
		r.over(p, now)
	}
}

// returned handles the end of a system call.
func (r *reader) returned(g *goroutine, now int64) {
	if g.sys != nil && g.sys.ready == 0 {
		g.sys.ready = now
	}
}

// assisted handles the end of a goroutine's assist of the collector.
func (r *reader) assisted(g *goroutine, now int64) {
	if p := g.gc; p != nil {
		g.gc = nil
		g.assist += now - p.start
		p.ready = now
		r.over(p, now)
	}
}

// shortest is the minimum duration of a system call or an assist to be kept: the goroutine
// was not parked, and there are many.
const shortest = int64(100 * time.Microsecond)

// over handles a park that is over.
func (r *reader) over(p *park, now int64) {
	p.run = now
	switch took := p.ready - p.start; {
	case p.op == "" || p.g.system() && !r.cfg.runtime: // the runtime's own
	case !p.blocks() && took < shortest:
	case took < int64(r.cfg.minBlock):
		r.suppress(p)
	default:
		r.done = append(r.done, p)
		if len(r.done) >= 2*r.cfg.maxBlocks {
			r.done = r.longest(r.done)
		}
	}
}

func (r *reader) suppress(p *park) {
	r.suppressed++
	p.g.suppressed++
}

// finish handles the end of a goroutine.
func (r *reader) finish(g *goroutine, now int64) {
	g.died, g.cur, g.sys = now, nil, nil
	for _, o := range g.open {
		delete(r.spans, o.span)
	}
	g.open = nil
	if r.born > 2*len(r.done)+10_000 {
		r.sweep()
	}
}

// note handles a message of package annotate.
func (r *reader) note(id int64, message string) {
	m, ok := annotate.Parse(message)
	g := r.gs[id]
	if !ok || g == nil {
		return
	}
	switch s := (ref{m.Trace, m.Span}); {
	case m.Local != "":
		g.local, g.remote = m.Local, m.Remote
	case m.Begin:
		if _, twice := r.spans[s.span]; !twice {
			r.spans[s.span] = id
			g.open = append(g.open, s)
		}
	case m.End:
		if of := r.gs[r.spans[s.span]]; of != nil {
			for i := len(of.open) - 1; i >= 0; i-- {
				if of.open[i] == s {
					of.open = append(of.open[:i], of.open[i+1:]...)
					break
				}
			}
		}
		delete(r.spans, s.span)
	}
}

func (r *reader) report(done bool) {
	if r.cfg.progress != nil {
		r.cfg.progress(Progress{r.in.n, r.events, len(r.gs), len(r.done), done})
	}
}
