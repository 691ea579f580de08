package sequence

import (
	"fmt"
	"slices"
	"strings"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/internal/text"
)

// lane is what a lifeline is for: a process, and in it a goroutine, all of one
// name, or an end of a connection.
type lane struct {
	proc int32
	of   *chain.Span // a `go NAME` or a handshake
	name string
}

// layLifelines gives each span its lifeline, in the order in which the lifelines
// appear, those of one process side by side.
func (b *builder) layLifelines() {
	of := b.assign()
	hidden := b.hidden()
	level, lanes := 0, []lane(nil)
	for {
		lanes = distinct(of, hidden, level)
		if len(lanes) <= b.cfg.lifelines || level == len(coarser)-1 {
			break
		}
		level++
	}
	rank := make(map[int32]int)
	for _, l := range lanes {
		if _, ok := rank[l.proc]; !ok {
			rank[l.proc] = len(rank)
		}
	}
	slices.SortStableFunc(lanes, func(x, y lane) int { return rank[x.proc] - rank[y.proc] })
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
}

// coarser are the ways to need fewer lifelines, one after the other.
var coarser = []func(lane) lane{
	func(l lane) lane {
		if l.of != nil {
			l.name = "" // the goroutine tells
		}
		return l
	},
	func(l lane) lane { return lane{proc: l.proc, name: l.name} },
	func(l lane) lane { return lane{proc: l.proc} },
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

// assign says whose each span is.
func (b *builder) assign() []lane {
	of := make([]lane, b.chain.Len())
	sole := b.soleRunners()
	for _, s := range b.chain.Spans {
		l := lane{proc: b.procs[s.Seq]}
		p := s.Parent
		inside := p != nil && b.procs[p.Seq] == l.proc
		run := b.runners[s.Seq]
		if launch(s) {
			run = s
		}
		switch {
		case b.cfg.by == ByService:
		case b.cfg.by == ByConnection:
			if h := b.conns[s.Seq]; h != nil {
				l.of, l.name = h, "connections"
			}
		case run != nil:
			l.of, l.name = run, strings.TrimPrefix(run.Name, trace.SpanGo)
		case inside && b.runners[p.Seq] == nil && !launch(p) && of[p.Seq].of != nil:
			l = of[p.Seq]
		case s.Kind == oteltrace.SpanKindServer && sole[s.Seq] != nil:
			run = sole[s.Seq]
			l.of, l.name = run, strings.TrimPrefix(run.Name, trace.SpanGo)
		}
		of[s.Seq] = l
	}
	return of
}

// soleRunners finds for each span outside of goroutines the only goroutine that
// was started below it in its process, nil if there are none or more. What a
// server does for a request before a handler becomes a goroutine's belongs to
// that.
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

// hidden says which spans the filters hide.
func (b *builder) hidden() []bool {
	hidden := make([]bool, b.chain.Len())
	cfg := &b.cfg
	from, to := b.start.Add(cfg.from), b.start.Add(cfg.to)
	if cfg.to <= 0 {
		to = b.start.Add(1<<63 - 1)
	}
	ids := b.connectionIDs()
	for _, s := range b.chain.Spans {
		hide := len(cfg.services) > 0 && !slices.Contains(cfg.services, s.Service)
		if len(cfg.goroutines) > 0 {
			run := b.runners[s.Seq]
			if launch(s) {
				run = s
			}
			hide = hide || run == nil || !slices.Contains(cfg.goroutines, strings.TrimPrefix(run.Name, trace.SpanGo))
		}
		if len(cfg.connections) > 0 {
			hide = hide || !ids[b.conns[s.Seq]]
		}
		if cfg.windowed && !s.Start.IsZero() {
			hide = hide || s.Start.After(to) || !s.End.IsZero() && s.End.Before(from)
		}
		hidden[s.Seq] = hide
	}
	return hidden
}

// connectionIDs returns the handshakes, of both ends, that the filter names.
func (b *builder) connectionIDs() map[*chain.Span]bool {
	ids := make(map[*chain.Span]bool)
	if len(b.cfg.connections) == 0 {
		return ids
	}
	for _, s := range b.chain.Spans {
		if s.Name != trace.SpanHandshake || !slices.Contains(b.cfg.connections, s.Str(trace.WebSocketConnectionIDKey)) {
			continue
		}
		ids[s] = true
		if o := b.other[s]; o != nil {
			ids[o] = true
		}
	}
	return ids
}

// name makes the lifelines.
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
			b.d.Lifelines = append(b.d.Lifelines, Lifeline{Name: "… " + counted(len(lanes)-last, "more service")})
			return
		}
		b.d.Lifelines = append(b.d.Lifelines, Lifeline{Service: short(service), Name: short(name)})
	}
}

func (b *builder) laneName(l lane) string {
	switch {
	case l.of == nil:
		return l.name
	case b.cfg.by == ByConnection:
		return "connection"
	default:
		return strings.TrimPrefix(l.of.Name, trace.SpanGo)
	}
}

func (b *builder) tellApart(l lane, name string, i int) string {
	if l.of.Name == trace.SpanHandshake {
		if id := l.of.Str(trace.WebSocketConnectionIDKey); id != "" {
			return name + " " + text.Shorten(id, 9)
		}
	} else if id := l.of.Int(trace.GoroutineIDKey); id > 0 {
		return fmt.Sprintf("%s #%d", name, id)
	}
	return fmt.Sprintf("%s (%d)", name, i+1)
}
