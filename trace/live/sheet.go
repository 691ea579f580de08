package live

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// How much a page or a text shows. What is left out is counted.
const (
	foldAbove    = 50 // rows of a part; above it those that are alike are one
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

// sheet is a view laid out: what is shown, in which words and in which order. The
// text and the page both write it.
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
	left  int // stacks that may still be shown
	named map[string]bool
}

type fact struct{ N, What string }

// reason is how many wait for something.
type reason struct {
	Kind, What, N, Oldest string
}

// found is a finding.
type found struct {
	Kind, Class, Text, For string
	Cycle                  []string // of a deadlock, closed: the last is the first again
}

// row is a goroutine, or some that are alike.
type row struct {
	Depth    int
	Guide    string // the tree's lines before it
	Rest     string // the tree's lines before what else belongs to it
	Count    int    // how many it is
	Many     string // that, as it is written
	Name, ID string
	State    string // "" where Waits say it
	For      string // in that state
	Waits    []waitLine
	More     int // waits that are not shown
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
	Oldest    bool // of many
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
		return fact{thousands(n), one}
	}
	facts := []fact{
		plural(c.Goroutines, "goroutine"),
		{thousands(c.Blocked), "blocked"},
		{thousands(c.Idle), "idle"},
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
			N: thousands(c.N), Oldest: s.age(c.Oldest),
		})
	}
}

func (s *sheet) find() {
	s.MoreFindings = s.v.Counts.FindingsLeftOut
	for _, f := range s.v.Told() {
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
		line := found{Kind: text.Printable(f.Kind), Class: "other", Text: f.Text, For: s.since(f.Since)}
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

// rows returns what is shown of nodes, and how many goroutines that is.
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
	r := row{Count: len(b.members), Many: thousands(len(b.members)), Name: s.called(g), Site: text.Shorten(text.Printable(g.Site), 80)}
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

// called returns the goroutine's name, with what runs in it.
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

// who names the goroutine of a key, "" for one that has no name.
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

func (s *sheet) wait(w *Wait, count int) waitLine {
	l := waitLine{
		Class: class(w.Reason, w.Idle), Operation: name(w.Operation), Why: why(w.Reason, w.Cause, w.Idle),
		Age: s.age(w.Age), Bar: bar(w.Age),
	}
	if l.Oldest = count > 1; !l.Oldest && w.Message > 0 {
		l.Operation += " #" + thousands(w.Message)
	}
	if w.Operation == w.Reason && w.Cause == "" && !w.Idle {
		l.Why = "" // as sleep
	}
	if c := s.ends[w.Connection]; c != nil && count == 1 {
		l.Conn, l.To = name(c.ID), shownAddress(c.Remote)
	} else if w.Connection != "" && count == 1 {
		l.Conn = name(w.Connection)
	}
	for i, h := range w.Holders {
		if i == maxHolders {
			l.Notes = append(l.Notes, fmt.Sprintf("and for %d more", len(w.Holders)-maxHolders))
			break
		}
		l.Notes = append(l.Notes, s.holder(&h))
	}
	if w.On != nil {
		if on := s.on(w.On, len(w.Holders) > 0); on != "" {
			l.Notes = append(l.Notes, on)
		}
	}
	if w.TCP != nil {
		l.Notes = append(l.Notes, kernel(w.TCP, w.Age))
	}
	return l
}

func (s *sheet) holder(h *Holder) string {
	note := "for " + s.who(h.Goroutine, h.Name)
	if !h.Strong {
		note = "likely " + note
	}
	if h.What != "" {
		note += ", which " + text.Printable(h.What)
	}
	if h.Ended {
		note += " and has ended"
	}
	if since := s.since(h.Since); since != "" {
		note += ", for " + since
	}
	return note
}

// on says what a wait is on, or "" if that would only repeat the holder.
func (s *sheet) on(on *On, held bool) string {
	note := "on a " + text.Printable(on.Kind)
	if on.Name != "" {
		note += " " + name(on.Name)
	}
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	switch {
	case on.Kind == "channel" && on.Capacity == 0:
		add("not buffered")
	case on.Kind == "channel":
		add("%d of %d in it", on.Length, on.Capacity)
	case on.Size > 0:
		add("%d of %d taken", on.Held, on.Size)
	}
	if on.Waiting > 1 {
		add("%d wait for it", on.Waiting)
	}
	if on.LastSender != "" {
		add("last sent to by %s", s.who(on.LastSender, ""))
	}
	if on.LastReceiver != "" && !held { // the holder is named anyway
		add("last received from by %s", s.who(on.LastReceiver, ""))
	}
	switch {
	case len(facts) > 0:
		note += ": " + strings.Join(facts, ", ")
	case held && on.Name == "":
		return ""
	}
	return note
}

// kernel says what the kernel knows of a parked write.
func kernel(k *TCP, age time.Duration) string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	if k.RwndLimited > 0 {
		add("the peer's window was closed for %s of %s", text.Duration(min(k.RwndLimited, age), " "), text.Duration(age, " ")) // its counter moves in steps
	}
	if k.SndbufLimited > 0 {
		add("this side's buffer was in the way for %s", text.Duration(k.SndbufLimited, " "))
	}
	add("%s not acknowledged, %s of it not sent", text.Bytes(float64(k.Queued)), text.Bytes(float64(k.NotSent)))
	add("window %s", text.Bytes(float64(k.PeerWindow)))
	if k.RTT > 0 {
		add("rtt %s", text.Duration(k.RTT, " "))
	}
	if k.Retransmits > 0 {
		add("%s retransmitted", counted(k.Retransmits, "segment"))
	}
	return strings.Join(facts, "; ")
}

// why says what a wait is for.
func why(reason, cause string, idle bool) string {
	all := text.Printable(reason)
	if cause != "" {
		all += " " + text.Printable(cause)
	}
	if idle {
		all += ", idle"
	}
	return all
}

// class is how a wait is colored.
func class(reason string, idle bool) string {
	switch {
	case idle:
		return "idle"
	case strings.HasPrefix(reason, "net.write"):
		return "net"
	case strings.HasPrefix(reason, "net."), reason == "pong":
		return "in"
	default:
		return "sync"
	}
}

// bar returns how long a bar is for an age: 1 for 10 ms and less, 10 for 1,000 s and more.
func bar(age time.Duration) int {
	n := 1
	for d := 10 * time.Millisecond; age > d && n < 10; d = d * 36 / 10 {
		n++
	}
	return n
}

// age returns a duration that is not negative.
func (s *sheet) age(d time.Duration) string { return text.Duration(max(d, 0), " ") }

// since returns how long ago t was; "" if that is not known.
func (s *sheet) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return s.age(s.now.Sub(t))
}

// name returns a name of the program's or the peer's as it may be shown.
func name(s string) string { return text.Shorten(text.Printable(s), maxNameWidth) }

func shownAddress(s string) string { return name(cmp.Or(s, "an unknown address")) }

// stackText returns the lines of a stack, printable each.
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

func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted returns "1 goroutine", "2,401 goroutines".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}
