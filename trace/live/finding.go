package live

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stalledAfter is how long a write must be parked to make a finding.
const stalledAfter = time.Second

// Shown returns the findings to show. It leaves out those that add nothing for a reader: a
// HEAD that holds up one goroutine whose write is STALLED, because that finding names the
// holder. Kinds and texts are escaped, because a view may come from anywhere.
func (v *View) Shown() []Finding {
	stalled := map[string]bool{}
	for _, f := range v.Findings {
		if f.Kind == KindStalled && len(f.Goroutines) > 0 {
			stalled[f.Goroutines[0]] = true
		}
	}
	shown := slices.DeleteFunc(slices.Clone(v.Findings), func(f Finding) bool {
		return f.Kind == KindHead && f.HoldsUp == 1 && len(f.Goroutines) > 0 && stalled[f.Goroutines[len(f.Goroutines)-1]]
	})
	for i := range shown {
		shown[i].Kind, shown[i].Text = printable(shown[i].Kind), text.Printable(text.Shorten(shown[i].Text, maxFinding))
	}
	return shown
}

// maxFinding is the maximum length of a finding's text, in characters.
const maxFinding = 4_000

// mostFindings is the maximum number of findings of a kind. Others are counted.
const mostFindings = 20

// judge sets the findings and the counts. Peers are silent after the given time. If that is
// negative, silent peers are not searched for, and the findings of v are kept. holds
// reports whether a goroutine still waits as it did, because one observation is no proof;
// it is nil if the view is not of this process alone.
func (v *View) judge(silent time.Duration, holds func(int) bool) {
	g := newGraph(v)
	inCycle := make([]bool, len(g.next))
	cycles := g.cycles()
	for _, c := range cycles {
		for _, i := range c {
			inCycle[i] = true
		}
	}
	heads, end := g.heads(inCycle)
	holdsUp := map[int]int{} // how many wait for a member of a cycle
	heads = slices.DeleteFunc(heads, func(h head) bool {
		if inCycle[h.node] {
			holdsUp[h.node] = h.n
		}
		return inCycle[h.node]
	})
	if n := len(cycles) - mostFindings; n > 0 {
		v.Counts.FindingsLeftOut += n
		cycles = cycles[:mostFindings]
	}
	found := []Finding{}
	for _, c := range cycles {
		found = append(found, v.deadlock(g, c, holdsUp, holds))
	}
	for _, h := range g.gravest(heads, end, inCycle, 3) {
		found = append(found, v.head(g, h))
	}
	found = append(found, v.stalled()...)
	if silent >= 0 {
		found = append(found, v.silent(silent)...)
	} else {
		found = append(found, v.Findings...)
	}
	v.Findings = found
	v.count()
}

// most returns the first mostFindings, and counts the others.
func most[T any](v *View, all []T, compare func(a, b T) int) []T {
	v.Counts.FindingsLeftOut += max(len(all)-mostFindings, 0)
	return first(all, mostFindings, compare)
}

// deadlock returns the finding for a cycle. It is certain if every edge is strong and all
// waits existed at the same time: each began before the view's time, and was unchanged
// after all had been observed.
func (v *View) deadlock(g *graph, cycle []int, holdsUp map[int]int, holds func(int) bool) Finding {
	together := v.sameClock(cycle)
	f := Finding{Kind: KindDeadlock, Certain: true}
	var b strings.Builder
	for n, i := range cycle {
		gr, w := &v.Goroutines[i], g.wait(i)
		f.Goroutines = append(f.Goroutines, gr.Key)
		if w.Connection != "" && !slices.Contains(f.Connections, w.Connection) {
			f.Connections = append(f.Connections, w.Connection)
		}
		f.Since = latest(f.Since, w.Since)
		f.Certain = f.Certain && g.strong[i] && together && w.Since.Before(v.At) && (holds == nil || holds(i))
		if n > 0 {
			b.WriteString("; ")
		}
		b.WriteString(v.short(gr, w))
		b.WriteString(" ")
		b.WriteString(v.waitsFor(w, &v.Goroutines[g.next[i]]))
		f.HoldsUp += holdsUp[i]
	}
	f.Text = b.String()
	if f.HoldsUp > 0 {
		f.Text += "; " + plural(f.HoldsUp, "other goroutine waits", "other goroutines wait") + " for them"
	}
	if !f.Certain {
		f.Text = "likely a deadlock: " + f.Text
	}
	return f
}

// sameClock reports whether times of the goroutines can be compared, because they are from
// one host.
func (v *View) sameClock(goroutines []int) bool {
	host := v.Processes[v.Goroutines[goroutines[0]].Process].Host
	return !slices.ContainsFunc(goroutines, func(i int) bool {
		return v.Processes[v.Goroutines[i].Process].Host != host
	})
}

// head returns the finding for a goroutine that holds others up.
func (v *View) head(g *graph, h head) Finding {
	f := Finding{Kind: KindHead, Certain: h.strong, HoldsUp: h.n, Since: h.since}
	var who, does string
	if h.node < len(v.Goroutines) {
		gr := &v.Goroutines[h.node]
		f.Goroutines = append(f.Goroutines, gr.Key)
		who, does = v.who(gr), v.does(gr)
	} else {
		o := g.others[h.node-len(v.Goroutines)]
		if o.connection != "" {
			f.Connections = append(f.Connections, o.connection)
		}
		who, does = v.absent(&o)
	}
	for _, i := range h.held {
		f.Goroutines = append(f.Goroutines, v.Goroutines[i].Key)
	}
	f.Text = who + " holds up " + plural(h.n, "goroutine", "goroutines") + ", for up to " + age(v.At.Sub(h.since)) + ": " + does
	if !f.Certain {
		f.Text = "likely " + f.Text
	}
	return f
}

// stalled returns the findings for writes that have been parked for long, the oldest first.
func (v *View) stalled() (found []Finding) {
	var writes []stall
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		for j := range g.Waits {
			w := &g.Waits[j]
			if w.Reason != string(semconv.ReasonNetWrite) || w.Age < stalledAfter {
				continue
			}
			writes = append(writes, stall{g, w})
		}
	}
	for _, s := range most(v, writes, func(a, b stall) int { return a.Since.Compare(b.Since) }) {
		f := Finding{Kind: KindStalled, Certain: true, Text: v.Sentence(s.g, s.Wait), Goroutines: []string{s.g.Key}, Since: s.Since}
		if s.Connection != "" {
			f.Connections = []string{s.Connection}
		}
		found = append(found, f)
	}
	return found
}

// stall is a write that has been parked for long.
type stall struct {
	g *Goroutine
	*Wait
}

// silent returns the findings for peers that answered a ping, but sent no message, since a
// read began at least d ago.
func (v *View) silent(d time.Duration) (found []Finding) {
	var quiet []*Connection
	for i := range v.Connections {
		c := &v.Connections[i]
		r := c.Reader
		if r != nil && r.Inside && c.Reading && !r.Began.IsZero() && c.LastPong.After(r.Began) && v.At.Sub(r.Began) >= d {
			quiet = append(quiet, c)
		}
	}
	for _, c := range most(v, quiet, func(a, b *Connection) int { return a.Reader.Began.Compare(b.Reader.Began) }) {
		r := c.Reader
		text := "the " + v.far(c) + " is alive but silent: it answered a ping " + age(v.At.Sub(c.LastPong)) +
			" ago, and sent no message for " + age(v.At.Sub(r.Began))
		f := Finding{Kind: KindSilent, Certain: true, Text: text, Connections: []string{c.ID}, Since: r.Began}
		if r.Goroutine != "" {
			f.Goroutines = []string{r.Goroutine}
		}
		found = append(found, f)
	}
	return found
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}
