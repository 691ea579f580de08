package explain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// shared are the things that goroutines compete for, by the reason of the wait. The names
// are plural if waits are only known to belong together by the goroutine that ended them.
// Receives are not included, because a receiver may just be idle.
var shared = map[semconv.Reason]struct {
	thing, one string // one precedes a name
	most       Severity
}{
	semconv.ReasonLock:      {"a lock", "the lock", Warning},
	semconv.ReasonSemaphore: {"semaphores", "the semaphore", Warning},
	semconv.ReasonCond:      {"conditions", "the condition", Info},
	semconv.ReasonChanSend:  {"room in channels", "room in the channel", Warning},
}

// crowded is the minimum number of goroutines that wait at once in a finding.
const crowded = 3

// contention finds what many goroutines waited for at once, and which goroutine ended their
// waits. Waits for a named lock or channel belong together. Without a name, waits belong
// together if one ended another, as the links of their wakes prove, or if one goroutine
// ended both, except for locks.
func contention(s *scene) []Finding {
	type key struct {
		set    int
		name   string
		reason semconv.Reason
	}
	sets := newSets(len(s.spans))
	var waits []*block
	for _, b := range s.blocks {
		by := b.Waker()
		if _, ok := shared[b.reason()]; !ok || b.op == nil || by == nil {
			continue
		}
		waits = append(waits, b)
		if by.Parent != nil && (by.Is(semconv.SpanBlock) || by.Is(semconv.SpanWake)) {
			by = by.Parent
		}
		sets.join(b.op.Seq, by.Seq)
		if run := by.Goroutine(); run != nil && b.reason() != semconv.ReasonLock {
			sets.join(b.op.Seq, run.Seq)
		}
	}
	crowds := newGroups[key, crowd]()
	for _, b := range waits {
		k := key{sets.find(b.op.Seq), "", b.reason()}
		if name := b.op.Str(semconv.SyncNameKey); name != "" {
			k = key{-1, b.op.Process() + name, b.reason()}
		}
		c := crowds.of(k)
		c.add(b)
		c.blocks = append(c.blocks, b)
	}
	var found []Finding
	for _, c := range crowds.all {
		if n := c.atOnce(); n >= crowded && c.total >= noticeable && 2*c.reported(s) < c.total {
			found = append(found, c.finding(s, n))
		}
	}
	return found
}

// crowd is the blocks that wait for one thing.
type crowd struct {
	repeated
	blocks []*block
}

// atOnce returns the maximum number of blocks at the same time.
func (c *crowd) atOnce() int {
	type edge struct {
		at   time.Time
		step int
	}
	var edges []edge
	for _, b := range c.blocks {
		if b.Duration() > 0 {
			edges = append(edges, edge{b.Start, 1}, edge{b.End, -1})
		}
	}
	slices.SortFunc(edges, func(x, y edge) int { return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.step, y.step)) })
	now, most := 0, 0
	for _, e := range edges {
		now += e.step
		most = max(most, now)
	}
	return most
}

// reported returns the part of the total that other findings report.
func (c *crowd) reported(s *scene) (sum time.Duration) {
	for _, b := range c.blocks {
		if s.reported[b.Span] {
			sum = chain.Sum(sum, b.Duration())
		}
	}
	return sum
}

func (c *crowd) finding(s *scene, atOnce int) Finding {
	b := c.longest
	what := shared[b.reason()]
	f := c.repeated.finding(s)
	f.Rule, f.Severity = Contended, min(graded(b.Duration()), what.most)
	thing := what.thing
	if name := c.called(); name != "" {
		thing = what.one + name
	}
	f.Headline = headline(fmt.Sprintf("Up to %d at once waited for %s: %s, %s in all",
		atOnce, thing, text.Counted(c.count, "time"), duration(c.total)))
	f.Text = fmt.Sprintf("The longest wait was that of %s: %s, ended by %s.%s",
		s.exactly(b.Span, b.end, "one"), duration(b.Duration()), s.ref(b.Waker()), c.holders(s))
	f.Advice = "Look at what " + s.ref(b.Waker()) + " does before that: hold it for less time, share less, or let more goroutines through."
	return f
}

// called returns the name that all have, with a space before it, or "" if they differ.
func (c *crowd) called() string {
	name := called(c.blocks[0].op)
	for _, b := range c.blocks {
		if called(b.op) != name {
			return ""
		}
	}
	return name
}

// holders names the goroutine that ended the most waits, if it ended at least two.
func (c *crowd) holders(s *scene) string {
	type holder struct {
		span  *chain.Span
		count int
	}
	by := newGroups[string, holder]()
	for _, b := range c.blocks {
		h := by.of(s.who(b.Waker(), nil, ""))
		h.span = b.Waker()
		h.count++
	}
	most := slices.MaxFunc(by.all, func(x, y *holder) int { return cmp.Compare(x.count, y.count) })
	who := s.who(most.span, nil, "")
	if most.count < 2 || who == "" {
		return ""
	}
	return " " + endedWaits(who, most.count, c.count)
}

// sets are disjoint sets of spans, by Seq.
type sets []int32

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = int32(i)
	}
	return s
}

func (s sets) find(i int) int {
	for int(s[i]) != i {
		s[i] = s[s[i]]
		i = int(s[i])
	}
	return i
}

// join joins two sets; the larger root points to the smaller one.
func (s sets) join(i, j int) {
	i, j = s.find(i), s.find(j)
	if i < j {
		i, j = j, i
	}
	s[i] = int32(j)
}

// endedWaits says how many of the waits who ended, as a sentence.
func endedWaits(who string, n, waits int) string {
	switch {
	case waits == 1:
		return sentence(who) + " ended it."
	case n == waits:
		return "All of the waits were ended by " + who + "."
	default:
		return "Of the " + text.Number(waits) + " waits, " + who + " ended " + text.Number(n) + "."
	}
}
