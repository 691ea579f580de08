package explain

import (
	"cmp"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
)

// Finding is one answer: what happened, on which spans it stands, what to do.
type Finding struct {
	Rule     Rule
	Severity Severity

	// Text says it in plain sentences, and Advice what to do about it. What the
	// trace brought into them is escaped: they are safe on a terminal.
	Text, Advice string

	// Spans are those that it stands on, the one to look at first; where it
	// stands for many, those of the longest.
	Spans []*chain.Span

	// At is when it began, from the start of the chain, as the chain's tree shows it.
	At time.Duration

	// Count is how many times it happened to one connection or goroutine, and
	// Total how long that was in all.
	Count int
	Total time.Duration
}

// Rule names what a finding is about, for programs.
type Rule string

// Rules, and what each finds.
const (
	SenderStalled    Rule = "sender-stalled"    // a write blocked because the peer did not read
	NetworkLimited   Rule = "network-limited"   // a write blocked by loss or congestion
	BufferLimited    Rule = "buffer-limited"    // a write blocked by this side's send buffer
	WriteBlocked     Rule = "write-blocked"     // a write blocked, and the trace does not say why
	WriterWaited     Rule = "writer-waited"     // a write waited for another one on its connection
	Deadlock         Rule = "deadlock"          // both ends blocked writing, and neither read
	NeverRead        Rule = "never-read"        // an end that did not read left its peer unanswered
	HandshakeRefused Rule = "handshake-refused" // a handshake failed
	HandshakeSlow    Rule = "handshake-slow"    // a handshake took long
	ConnectionLost   Rule = "connection-lost"   // a connection ended without a close frame
	GoroutineEnded   Rule = "goroutine-ended"   // a goroutine panicked, failed or was canceled
	Contended        Rule = "contended"         // many waited for one lock or channel
)

// Severity is how much a finding asks for attention.
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

// rules look at a scene, each for itself.
var rules = []func(*scene) []Finding{
	stillBlocked, blockedWrites, waitingWriters, deadlocks, neverRead,
	refusedHandshakes, slowHandshakes, lostConnections,
	endedGoroutines, contention, heldUp,
}

// Explain returns what it finds in the chain, the most severe first and then
// by time. It is a pure function of the chain, which it does not change, and
// takes any: what the spans do not say is not found. What happened repeatedly to
// one connection or goroutine is one finding, told by its longest.
//
// The cost is O(n log n) for n spans.
func Explain(c *chain.Chain) []Finding {
	if c == nil {
		return nil
	}
	s := newScene(c)
	var found []Finding
	for _, rule := range rules {
		found = append(found, rule(s)...)
	}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.At, b.At))
	})
	return found
}
