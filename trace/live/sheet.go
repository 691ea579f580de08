package live

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// Limits of a page or a text. What exceeds them is counted.
const (
	foldAbove    = 50 // rows of a part; if there are more, equal ones are joined
	maxRows      = 500
	maxFindings  = 50
	maxReasons   = 12
	maxRowWaits  = 4 // of one goroutine
	maxHolders   = 3 // of one wait
	maxCycle     = 12
	maxNameWidth = 60
	maxIndent    = 12
	maxStack     = 6 << 10 // bytes of one stack
	maxRowStacks = 100     // stacks in all
)

// sheet is a view as it is shown: in words, and in order. It is common to the text and the
// page.
type sheet struct {
	About    string // the process
	At       time.Time
	Took     string
	Facts    []fact
	Reasons  []reason
	Findings []found
	Busy     []row
	Idle     []row
	Ends     []pairRow
	IdleEnds []pairRow
	Stacks   bool

	MoreReasons, MoreFindings, MoreGoroutines, MoreConnections int

	v     *View
	now   time.Time
	keys  map[string]*Goroutine
	ends  map[string]*Connection
	left  int // number of stacks that may still be shown
	named map[string]bool
}

type fact struct{ N, What string }

// reason is how many goroutines wait for a reason.
type reason struct {
	Kind, What, N, Oldest string
}

// found is a finding.
type found struct {
	Kind, Class, Text, For string
	Cycle                  []string // of a deadlock; the last one is the first again
}

// row is a goroutine, or several equal ones.
type row struct {
	Depth    int
	Guide    string // the tree's lines before the goroutine
	Rest     string // the tree's lines before its other lines
	Count    int    // number of goroutines
	Many     string // Count as text
	Name, ID string
	State    string // "" if Waits describe it
	For      string // how long it has been in State
	Waits    []waitLine
	More     int // number of waits that are not shown
	Site     string
	Stack    string
}

// waitLine is a block in progress.
type waitLine struct {
	Class     string // for its color
	Operation string
	Why       string // the reason, and the cause
	Age       string
	Bar       int  // 1 to 10, by the logarithm of the age
	Oldest    bool // it is the oldest of several
	Conn      string
	To        string // the other end's address
	Notes     []string
}

func newSheet(v *View) *sheet {
	s := &sheet{
		v: v, now: v.At, At: v.At, Took: text.Duration(v.Took, " "), left: maxRowStacks,
		keys: make(map[string]*Goroutine, len(v.Goroutines)), ends: make(map[string]*Connection, len(v.Connections)),
		named: map[string]bool{},
	}
	for i := range v.Goroutines {
		s.keys[v.Goroutines[i].Key] = &v.Goroutines[i]
		s.Stacks = s.Stacks || v.Goroutines[i].Stack != ""
	}
	for i := range v.Connections {
		s.ends[v.Connections[i].ID] = &v.Connections[i]
	}
	s.About = s.about()
	s.Facts = s.facts()
	s.count()
	s.find()
	busy, idle := forest(v)
	var shown int
	s.Busy, shown = s.rows(busy)
	rest := len(v.Goroutines) - shown
	s.Idle, shown = s.rows(idle)
	s.MoreGoroutines = rest - shown
	s.connect()
	return s
}

func (s *sheet) about() string {
	var all []string
	for _, p := range s.v.Processes {
		all = append(all, s.process(p))
	}
	if len(all) > 4 {
		all = append(all[:4], fmt.Sprintf("%d more", len(all)-4))
	}
	return strings.Join(all, "; ")
}

func (s *sheet) process(p Process) string {
	about := fmt.Sprintf("%s, pid %d", name(p.Name), p.PID)
	if p.Host != "" {
		about += " on " + name(p.Host)
	}
	return about
}

func (s *sheet) facts() []fact {
	c := s.v.Counts
	plural := func(n int, one string) fact {
		if n != 1 {
			one += "s"
		}
		return fact{text.Number(n), one}
	}
	facts := []fact{
		plural(c.Goroutines, "goroutine"),
		{text.Number(c.Blocked), "blocked"},
		{text.Number(c.Idle), "idle"},
		plural(c.Connections, "connection end"),
	}
	if n := len(s.v.Processes); n > 1 {
		facts = append([]fact{plural(n, "process")}, facts...)
		facts[0].What = "processes"
	}
	return facts
}

func (s *sheet) count() {
	for _, c := range s.v.Counts.Waits {
		if len(s.Reasons) == maxReasons {
			s.MoreReasons++
			continue
		}
		s.Reasons = append(s.Reasons, reason{
			Kind: class(c.Reason, c.Idle), What: why(c.Reason, c.Cause, c.Idle),
			N: text.Number(c.N), Oldest: s.age(c.Oldest),
		})
	}
}

func (s *sheet) find() {
	s.MoreFindings = s.v.Counts.FindingsLeftOut
	for _, f := range s.v.Shown() {
		for _, key := range f.Goroutines {
			s.named[key] = true
		}
		for _, id := range f.Connections {
			s.named[id] = true
		}
		if len(s.Findings) == maxFindings {
			s.MoreFindings++
			continue
		}
		line := found{Kind: f.Kind, Class: "other", Text: f.Text, For: s.since(f.Since)}
		switch f.Kind {
		case KindDeadlock, KindHead, KindStalled, KindSilent:
			line.Class = strings.ToLower(f.Kind)
		}
		if n := len(f.Goroutines); f.Kind == KindDeadlock && n > 0 {
			for _, key := range f.Goroutines[:min(n, maxCycle)] {
				line.Cycle = append(line.Cycle, s.who(key, ""))
			}
			if n > maxCycle {
				line.Cycle = append(line.Cycle, fmt.Sprintf("… %d more", n-maxCycle))
			}
			line.Cycle = append(line.Cycle, line.Cycle[0])
		}
		s.Findings = append(s.Findings, line)
	}
}

// rows returns the rows of nodes, and how many goroutines they show.
func (s *sheet) rows(nodes []*node) (rows []row, shown int) {
	compare(nodes)
	s.grown(grow(nodes, size(nodes) > foldAbove, s.named), 0, "", &rows)
	for _, r := range rows {
		shown += r.Count
	}
	return rows, shown
}

func (s *sheet) grown(branches []*branch, depth int, guide string, rows *[]row) {
	for i, b := range branches {
		if len(*rows) == maxRows {
			return
		}
		r := s.row(b)
		below := guide
		if r.Depth = min(depth, maxIndent); depth > 0 {
			fork, line := "├─ ", "│  "
			if i == len(branches)-1 {
				fork, line = "└─ ", "   "
			}
			r.Guide = guide + fork
			if depth <= maxIndent {
				below += line
			}
		}
		if r.Rest = below; len(b.children) > 0 && depth < maxIndent {
			r.Rest += "│  "
		} else {
			r.Rest += "   "
		}
		*rows = append(*rows, r)
		s.grown(b.children, depth+1, below, rows)
	}
}

func (s *sheet) row(b *branch) row {
	g := b.members[0].g
	r := row{Count: len(b.members), Many: text.Number(len(b.members)), Name: s.called(g), Site: text.Shorten(text.Printable(g.Site), 80)}
	if r.Count == 1 && g.ID != 0 {
		r.ID = "g" + strconv.FormatInt(g.ID, 10)
	}
	for i := range g.Waits {
		if len(r.Waits) == maxRowWaits {
			r.More = len(g.Waits) - maxRowWaits
			break
		}
		r.Waits = append(r.Waits, s.wait(&g.Waits[i], r.Count))
	}
	if len(r.Waits) == 0 {
		r.State, r.For = text.Printable(g.State), s.since(g.Since)
	}
	if g.Stack != "" && s.left > 0 {
		s.left--
		r.Stack = stackText(g.Stack)
	}
	return r
}

// called returns the goroutine's name, with the names of the tasks that run in it.
func (s *sheet) called(g *Goroutine) string {
	all := []string{name(g.Name)}
	if g.Name == "" {
		all[0] = "a goroutine that is not traced"
	}
	for _, inner := range g.Inner[:min(len(g.Inner), 3)] {
		all = append(all, name(inner))
	}
	if n := len(g.Inner); n > 3 {
		all = append(all[:3], "…", name(g.Inner[n-1]))
	}
	called := strings.Join(all, " › ")
	if len(s.v.Processes) > 1 && g.Process >= 0 && g.Process < len(s.v.Processes) {
		called = name(s.v.Processes[g.Process].Name) + "'s " + called
	}
	return called
}

// who names the goroutine with the key. If it is not in the view, the name is otherwise.
func (s *sheet) who(key, otherwise string) string {
	g := s.keys[key]
	switch {
	case g == nil && otherwise == "":
		return "a goroutine that is not traced"
	case g == nil:
		return name(otherwise)
	case g.ID == 0 || g.Name == "":
		return s.called(g)
	default:
		return fmt.Sprintf("%s (g%d)", s.called(g), g.ID)
	}
}

// age returns a duration as text. Negative ones are 0.
func (s *sheet) age(d time.Duration) string { return text.Duration(max(d, 0), " ") }

// since returns how long ago t was, or "" if t is zero.
func (s *sheet) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return s.age(s.now.Sub(t))
}

// name returns a name from a program or a peer, escaped and shortened.
func name(s string) string { return text.Shorten(text.Printable(s), maxNameWidth) }

func shownAddress(s string) string { return name(cmp.Or(s, "an unknown address")) }

// stackText returns the lines of a stack, escaped.
func stackText(stack string) string {
	var b strings.Builder
	for line := range strings.Lines(stack) {
		line = strings.TrimRight(line, "\n")
		if b.Len()+len(line) > maxStack {
			b.WriteString("…\n")
			break
		}
		tabs := len(line) - len(strings.TrimLeft(line, "\t"))
		b.WriteString(strings.Repeat("  ", tabs) + text.Printable(line[tabs:]) + "\n")
	}
	return b.String()
}
