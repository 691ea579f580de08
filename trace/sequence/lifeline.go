package sequence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// lane identifies a lifeline: a process, and within it a goroutine, all goroutines of one
// name, or an end of a connection.
type lane struct {
	proc int32
	of   *chain.Span // a goroutine or a handshake
	name string
}

// layLifelines assigns a lifeline to each span. Lifelines are in order of appearance, with
// those of one process side by side.
func (b *builder) layLifelines() {
	of := b.assign()
	hidden := b.hidden()
	level, lanes := 0, distinct(of, hidden, 0)
	wanted := len(lanes)
	for len(lanes) > b.cfg.lifelines && level < len(coarser)-1 {
		if level == byName && b.foldQuiet(of, hidden, lanes) {
			lanes = distinct(of, hidden, level)
			break
		}
		level++
		lanes = distinct(of, hidden, level)
	}
	b.noteShared(wanted, len(lanes), level)
	b.sharing = make(map[lane]int)
	seen := make(map[*chain.Span]bool)
	for i, l := range of {
		if l.of != nil && !hidden[i] && !seen[l.of] {
			seen[l.of] = true
			b.sharing[coarser[level](l)]++
		}
	}
	rank := make(map[int32]int)
	for _, l := range lanes {
		if _, ok := rank[l.proc]; !ok {
			rank[l.proc] = len(rank)
		}
	}
	slices.SortStableFunc(lanes, func(x, y lane) int { return rank[x.proc] - rank[y.proc] })
	b.lastQuiet(of, hidden, lanes)
	place := make(map[lane]int, len(lanes))
	for i, l := range lanes {
		place[l] = min(i, b.cfg.lifelines-1)
	}
	for i := range of {
		b.lanes[i] = None
		if !hidden[i] {
			b.lanes[i] = place[coarser[level](of[i])]
		}
	}
	b.name(lanes)
	b.addAbsent(hidden)
}

// byName is the level at which goroutines or connections of one name share a lifeline.
const byName = 1

// quiet is the name of the lifeline that the least blocked goroutines of a process share.
// No goroutine has this name.
const quiet = "\x00"

// foldQuiet makes the goroutines that were blocked the least share one lifeline in each
// process. It reports false, and does nothing, if lifelines are not by goroutine, or if the
// limit leaves no room for others.
func (b *builder) foldQuiet(of []lane, hidden []bool, lanes []lane) bool {
	if b.cfg.by != ByGoroutine {
		return false
	}
	procs := make(map[int32]bool)
	var order []lane // lanes with the name of goroutines
	for _, l := range lanes {
		procs[l.proc] = true
		if l.name != "" {
			order = append(order, l)
		}
	}
	keep := b.cfg.lifelines - len(procs) - (len(lanes) - len(order))
	if keep < 1 {
		return false
	}
	loads := b.loads(of, hidden, byName)
	slices.SortStableFunc(order, func(x, y lane) int {
		return loads[x].compare(loads[y])
	})
	b.folded = make(map[int32]int)
	rest := make(map[lane]bool)
	for _, l := range order[keep:] {
		rest[l] = true
		b.folded[l.proc]++
	}
	for i := range of {
		if l := coarser[byName](of[i]); rest[l] {
			of[i] = lane{proc: l.proc, name: quiet}
		}
	}
	return true
}

// lastQuiet moves the processes that were blocked the least to the end, where they share
// the last lifeline, if there are more than the limit. The others keep their order. Waiting
// for a message does not count, because every reader does it.
func (b *builder) lastQuiet(of []lane, hidden []bool, lanes []lane) {
	keep := b.cfg.lifelines - 1
	if keep < 1 || len(lanes) <= b.cfg.lifelines {
		return
	}
	loads := b.loads(of, hidden, len(coarser)-1)
	order := slices.Clone(lanes)
	slices.SortStableFunc(order, func(x, y lane) int { return loads[x].compare(loads[y]) })
	rest := make(map[lane]int)
	for _, l := range order[keep:] {
		rest[l] = 1
	}
	slices.SortStableFunc(lanes, func(x, y lane) int { return rest[x] - rest[y] })
}

// load is what happened on a lifeline.
type load struct {
	blocked time.Duration
	spans   int
}

// compare orders loads, the most blocked first.
func (x *load) compare(y *load) int {
	return cmp.Or(cmp.Compare(y.blocked, x.blocked), cmp.Compare(y.spans, x.spans))
}

// loads returns the loads of the lifelines at a level. For processes, blocks with reason
// net.read do not count.
func (b *builder) loads(of []lane, hidden []bool, level int) map[lane]*load {
	loads := make(map[lane]*load)
	end := b.chain.End()
	for i, s := range b.chain.Spans {
		if hidden[i] {
			continue
		}
		l := loads[coarser[level](of[i])]
		if l == nil {
			l = &load{}
			loads[coarser[level](of[i])] = l
		}
		l.spans++
		switch {
		case !s.Is(semconv.SpanBlock):
		case level > byName && s.Str(semconv.BlockReasonKey) == string(semconv.ReasonNetRead):
		case s.End.IsZero():
			l.blocked += max(end.Sub(s.Start), 0)
		default:
			l.blocked += s.Duration()
		}
	}
	return loads
}

// coarser are the ways to need fewer lifelines, in the order in which they are tried.
var coarser = []func(lane) lane{
	func(l lane) lane {
		if l.of != nil {
			l.name = "" // the goroutine's name suffices
		}
		return l
	},
	func(l lane) lane { return lane{proc: l.proc, name: l.name} },
	func(l lane) lane { return lane{proc: l.proc} },
}

// noteShared adds a note on how lifelines are shared, if there would be more than the
// limit.
func (b *builder) noteShared(wanted, lanes, level int) {
	var how []string
	what := "goroutines"
	if b.cfg.by == ByConnection {
		what = "connections"
	}
	if len(b.folded) > 0 {
		n := 0
		for _, names := range b.folded {
			n += names
		}
		b.d.Notes = append(b.d.Notes, fmt.Sprintf("%s would be too many: goroutines of one name share one, and so do those of the %s that were blocked the least",
			text.Counted(wanted, "lifeline"), text.Counted(n, "name")))
		return
	}
	switch {
	case lanes == wanted:
	case level == 1 && b.cfg.by == ByConnection:
		how = append(how, "the connections of a process share one")
	case level == 1:
		how = append(how, "goroutines of one name share one")
	default:
		how = append(how, "the "+what+" of a process share one")
	}
	switch {
	case lanes <= b.cfg.lifelines:
	case b.cfg.lifelines == 1:
		how = []string{"all services share one"}
	default:
		how = append(how, "the last is for the services that were blocked the least")
	}
	if len(how) > 0 {
		b.d.Notes = append(b.d.Notes, text.Counted(wanted, "lifeline")+" would be too many: "+strings.Join(how, ", and "))
	}
}

func distinct(of []lane, hidden []bool, level int) []lane {
	seen := make(map[lane]bool)
	var lanes []lane
	for i, l := range of {
		l = coarser[level](l)
		if !hidden[i] && !seen[l] {
			seen[l] = true
			lanes = append(lanes, l)
		}
	}
	return lanes
}

// assign returns the lane of each span.
func (b *builder) assign() []lane {
	of := make([]lane, b.chain.Len())
	sole := b.soleRunners()
	for _, s := range b.chain.Spans {
		l := lane{proc: b.procs[s.Seq]}
		p := s.Parent
		inside := p != nil && b.procs[p.Seq] == l.proc
		run := s.Goroutine()
		if launch(s) {
			run = s
		}
		begun := from(s, (*chain.Span).Established)
		switch {
		case b.cfg.by == ByService:
		case b.cfg.by == ByConnection:
			if c := s.Connection(); c != nil {
				l.of, l.name = c.First, "connections"
			}
		case run != nil:
			l.of, l.name = run, run.GoroutineName()
		case begun != nil && begun.Seq < s.Seq && b.procs[begun.Seq] == l.proc:
			l = of[begun.Seq]
		case inside && p.Goroutine() == nil && !launch(p) && of[p.Seq].of != nil:
			l = of[p.Seq]
		case s.Kind == oteltrace.SpanKindServer && sole[s.Seq] != nil:
			run = sole[s.Seq]
			l.of, l.name = run, run.GoroutineName()
		}
		of[s.Seq] = l
	}
	return of
}

// soleRunners returns, for each span, the only goroutine that was started below it in its
// process, or nil if there are none or several. What a server does for a request before it
// starts the handler's goroutine belongs to that.
func (b *builder) soleRunners() []*chain.Span {
	sole := make([]*chain.Span, b.chain.Len())
	many := make([]bool, b.chain.Len())
	for _, s := range slices.Backward(b.chain.Spans) {
		p := s.Parent
		if p == nil || b.procs[p.Seq] != b.procs[s.Seq] {
			continue
		}
		run := sole[s.Seq]
		if launch(s) {
			run = s
		}
		if run == nil && !many[s.Seq] {
			continue
		}
		if many[s.Seq] && !launch(s) || sole[p.Seq] != nil || many[p.Seq] {
			sole[p.Seq], many[p.Seq] = nil, true
			continue
		}
		sole[p.Seq] = run
	}
	return sole
}

// hidden returns which spans the filters hide.
func (b *builder) hidden() []bool {
	hidden := make([]bool, b.chain.Len())
	n := 0
	cfg := &b.cfg
	from, to := b.start.Add(cfg.from), b.start.Add(cfg.to)
	if cfg.to <= 0 {
		to = b.start.Add(1<<63 - 1)
	}
	for _, s := range b.chain.Spans {
		hide := len(cfg.services) > 0 && !slices.Contains(cfg.services, s.Service)
		if len(cfg.goroutines) > 0 {
			run := s.Goroutine()
			if launch(s) {
				run = s
			}
			hide = hide || run == nil || !slices.Contains(cfg.goroutines, run.GoroutineName())
		}
		if len(cfg.connections) > 0 {
			hide = hide || !b.onConnection(s)
		}
		if cfg.windowed && !s.Start.IsZero() {
			hide = hide || s.Start.After(to) || !s.End.IsZero() && s.End.Before(from)
		}
		hidden[s.Seq] = hide
		if hide {
			n++
		}
	}
	b.noteHidden(n)
	return hidden
}

// noteHidden adds a note on how many spans the filters hide. If they hide all, it names the
// services.
func (b *builder) noteHidden(n int) {
	switch {
	case n == 0:
	case n < b.chain.Len():
		b.d.Notes = append(b.d.Notes, fmt.Sprintf("the filters hide %s of %s", text.Number(n), text.Counted(b.chain.Len(), "span")))
	default:
		var services []string
		for _, s := range b.chain.Spans {
			if name := cmp.Or(short(s.Service), "an unknown service"); !slices.Contains(services, name) {
				services = append(services, name)
			}
			if len(services) == maxServices {
				services[maxServices-1] = "…"
				break
			}
		}
		b.d.Notes = append(b.d.Notes, fmt.Sprintf("the filters hide all of %s, which are of %s", text.Counted(n, "span"), strings.Join(services, ", ")))
	}
}

// maxServices is the maximum number of services in that note.
const maxServices = 8

// onConnection reports whether the span is on a connection in the filter, at either end.
func (b *builder) onConnection(s *chain.Span) bool {
	c := s.Connection()
	if c == nil {
		return false
	}
	return slices.Contains(b.cfg.connections, c.ID) || c.Peer != nil && slices.Contains(b.cfg.connections, c.Peer.ID)
}

// name makes the lifelines, with their names.
func (b *builder) name(lanes []lane) {
	services := make(map[int32]string) // of processes
	users := make(map[string]map[int32]bool)
	for _, s := range b.chain.Spans {
		p := b.procs[s.Seq]
		if _, ok := services[p]; ok {
			continue
		}
		services[p] = s.Process()
		if users[s.Service] == nil {
			users[s.Service] = make(map[int32]bool)
		}
		users[s.Service][p] = true
	}
	for _, s := range b.chain.Spans {
		if len(users[s.Service]) == 1 {
			services[b.procs[s.Seq]] = s.Service
		}
	}
	same := make(map[lane]int) // lifelines that would be called the same
	for _, l := range lanes {
		same[lane{proc: l.proc, name: b.laneName(l)}]++
	}
	for i, l := range lanes {
		service := services[l.proc]
		if service == "" {
			service = "unknown service"
		}
		name := b.laneName(l)
		if l.of != nil && same[lane{proc: l.proc, name: name}] > 1 {
			name = b.tellApart(l, name, i)
		}
		if last := b.cfg.lifelines - 1; i >= last && len(lanes) > b.cfg.lifelines {
			rest := Lifeline{Name: "… " + text.Counted(len(lanes)-last, "more service")}
			if last == 0 {
				rest.Name = text.Counted(len(lanes), "service")
			}
			b.d.Lifelines = append(b.d.Lifelines, rest)
			return
		}
		b.d.Lifelines = append(b.d.Lifelines, Lifeline{Service: short(service), Name: short(name)})
	}
}

func (b *builder) laneName(l lane) string {
	switch {
	case l.name == quiet:
		return "… " + text.Counted(b.folded[l.proc], "more name")
	case l.of == nil && b.sharing[l] > 1 && l.name != "":
		return fmt.Sprintf("%s ×%s", l.name, text.Number(b.sharing[l]))
	case l.of == nil:
		return l.name
	case b.cfg.by == ByConnection:
		return "connection"
	default:
		return l.of.GoroutineName()
	}
}

func (b *builder) tellApart(l lane, name string, i int) string {
	if b.cfg.by == ByConnection {
		if id := l.of.Str(semconv.WebSocketConnectionIDKey); id != "" {
			return name + " " + text.Shorten(id, 9)
		}
	} else if id := l.of.Int(semconv.GoroutineIDKey); id > 0 {
		return fmt.Sprintf("%s #%d", name, id)
	}
	return fmt.Sprintf("%s (%d)", name, i+1)
}
