package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Finding is one answer: what happened, the spans that prove it, and advice.
type Finding struct {
	Rule     Rule
	Severity Severity

	// Headline is one line of at most [MaxHeadline] characters: who lost how much time on
	// what, and why. Text is the evidence in sentences, or "" if the headline is complete.
	// Advice is what to do about it. Names from the trace are escaped, so all three are
	// safe on a terminal.
	Headline, Text, Advice string

	// Spans are the evidence, at most [MaxSpans], the most important one first. If it
	// happened repeatedly, they are those of the longest occurrence.
	Spans []*chain.Span

	// At is when it began, since the start of the chain, like the times in the chain's
	// tree.
	At time.Duration

	// Count is how many times it happened on one connection or goroutine, and Total is how
	// long these took together.
	Count int
	Total time.Duration
}

// Rule is the name of a kind of finding.
type Rule string

// Rules, and what each of them finds.
const (
	StillBlocked     Rule = "still-blocked"     // a block that had lasted for long, and was not over when the spans ended
	LockDeadlock     Rule = "lock-deadlock"     // goroutines waited for one another's locks, in a circle
	Deadlock         Rule = "deadlock"          // both ends blocked writing, and neither read
	HeldUp           Rule = "held-up"           // a peer that did not read also delayed goroutines that do not write to it
	SenderStalled    Rule = "sender-stalled"    // a write blocked because the peer did not read
	NetworkLimited   Rule = "network-limited"   // a write blocked by loss or congestion
	BufferLimited    Rule = "buffer-limited"    // a write blocked by this side's send buffer
	WriteBlocked     Rule = "write-blocked"     // a write blocked for an unknown reason
	WriterWaited     Rule = "writer-waited"     // a write waited for another one on its connection
	ConcurrentWrites Rule = "concurrent-writes" // two writes at once, which the library forbids
	PongStarved      Rule = "pong-starved"      // a ping was not answered in time, because a write was in progress
	FailedAfterwards Rule = "failed-afterwards" // writes failed because an earlier one had
	Stuck            Rule = "stuck"             // a wait for others at a known place in the code that was not over when the spans ended
	SiteWaits        Rule = "site-waits"        // long waits for others, in total, at one place in the program
	Contended        Rule = "contended"         // many waited for one lock or channel
	HandshakeRefused Rule = "handshake-refused" // a handshake failed
	HandshakeSlow    Rule = "handshake-slow"    // a handshake took long
	NeverRead        Rule = "never-read"        // an end that did not read did not answer its peer
	CloseUnanswered  Rule = "close-unanswered"  // a close frame was not answered for long
	ConnectionLost   Rule = "connection-lost"   // a connection ended without a close frame
	Starved          Rule = "starved"           // goroutines that could run waited for a processor
	Collector        Rule = "gc"                // goroutines worked for the garbage collector
	GoroutineEnded   Rule = "goroutine-ended"   // a goroutine panicked, failed or was canceled
)

// rules lists all rules, root causes before their symptoms. They run in this order, and
// later rules skip what an earlier one reported (scene.report). The order also breaks ties
// between findings of one severity and cost.
var rules = []struct {
	names []Rule
	find  func(*scene) []Finding
}{
	{[]Rule{StillBlocked}, stillBlocked},
	{[]Rule{LockDeadlock}, lockDeadlocks},
	{[]Rule{Deadlock}, deadlocks},
	{[]Rule{HeldUp}, heldUp},
	{[]Rule{SenderStalled, NetworkLimited, BufferLimited, WriteBlocked}, blockedWrites},
	{[]Rule{ConcurrentWrites}, concurrentWrites},
	{[]Rule{PongStarved}, starvedPongs},
	{[]Rule{FailedAfterwards}, failedAfterwards},
	{[]Rule{WriterWaited}, waitingWriters},
	{[]Rule{Stuck}, stuckAtSites},
	{[]Rule{SiteWaits}, waitsAtSites},
	{[]Rule{Contended}, contention},
	{[]Rule{HandshakeRefused}, refusedHandshakes},
	{[]Rule{HandshakeSlow}, slowHandshakes},
	{[]Rule{NeverRead}, neverRead},
	{[]Rule{CloseUnanswered}, unansweredCloses},
	{[]Rule{ConnectionLost}, lostConnections},
	{[]Rule{Starved}, starvation},
	{[]Rule{Collector}, collection},
	{[]Rule{GoroutineEnded}, endedGoroutines},
}

// Severity is how important a finding is.
type Severity int

// Severities, in ascending order.
const (
	Info    Severity = iota // worth knowing
	Warning                 // it cost time, or something ended early
	Problem                 // something stood still, or broke
)

// String returns the severity as a lower-case word.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	default:
		return "problem"
	}
}

// Explain returns the findings in the chain, ordered by severity, then those in progress
// before those that are over, then by the time that they cost, then root causes before
// symptoms, then by when they began. It accepts any chain and does not change it. If
// something happened repeatedly to one connection, that is one finding, which describes the
// longest time. Without a connection it is one for each goroutine, else for each parent span,
// else for each process.
//
// The cost is O(n log n) for n spans.
func Explain(c *chain.Chain) []Finding {
	if c == nil {
		return nil
	}
	s := newScene(c)
	s.normalEnds()
	var found []Finding
	for _, rule := range rules {
		found = append(found, rule.find(s)...)
	}
	for i := range found {
		found[i].bound()
	}
	slices.SortStableFunc(found, func(a, b Finding) int { // stable: in the order of the rules
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(over(a.Rule), over(b.Rule)), cmp.Compare(b.lost(), a.lost()),
			cmp.Compare(rank(a.Rule), rank(b.Rule)), cmp.Compare(a.At, b.At))
	})
	return found
}

// over returns 0 for a rule whose findings are in progress when the chain ends, else 1.
func over(r Rule) int {
	switch r {
	case StillBlocked, LockDeadlock, Deadlock:
		return 0
	}
	return 1
}

// MaxSpans is the maximum number of spans of a finding, and MaxText the maximum length of its
// text and of its advice, in characters. A longer text is cut, and ends with an ellipsis. The
// lists in it are shorter, and count what is left out.
const (
	MaxSpans = 100
	MaxText  = 4_000
)

func (f *Finding) bound() {
	f.Text, f.Advice = text.Shorten(f.Text, MaxText), text.Shorten(f.Advice, MaxText)
	if len(f.Spans) > MaxSpans {
		f.Spans = slices.Clone(f.Spans[:MaxSpans])
	}
}

// listed joins the first maxNamed of a list, and adds how many more there are.
func listed(all []string, separator string) string {
	if more := len(all) - maxNamed; more > 0 {
		return strings.Join(all[:maxNamed], separator) + separator + "and " + text.Number(more) + " more"
	}
	return strings.Join(all, separator)
}

// maxNamed is how many things a finding names. It counts the others.
const maxNamed = 5

// lost returns the time that the finding cost. The life of a goroutine or of a connection is
// no cost.
func (f *Finding) lost() time.Duration {
	if f.Rule == GoroutineEnded || f.Rule == ConnectionLost {
		return 0
	}
	return f.Total
}

// rank returns the position of a rule in rules.
func rank(r Rule) int {
	n := 0
	for _, rule := range rules {
		for _, name := range rule.names {
			if n++; name == r {
				return n
			}
		}
	}
	return n + 1
}
