package chain

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// Skew reports that the clock of a process contradicts that of another one.
//
// Two facts hold whatever the clocks show: a span starts after its parent started, and it
// ends after the start of any span that it links to (it has that span's id). A third holds
// for a client's span and the server's below it, unless the client failed or its span is
// the shorter one: the reply ends both, so the server's span ends first. If processes on
// different machines break one of these, all times of one are moved, by the smallest amount
// that repairs it.
//
// Processes on one machine (with the same host.name and host.id of the resource) share a
// clock, so nothing between them is a skew. A process without these has a clock of its own.
// The others are corrected to the clock of the earliest root.
type Skew struct {
	// Process is the process whose clock is off, as [Span.Process] returns it. Other
	// processes on its machine were corrected with it.
	Process string

	// Shift was added to all times of the process. It is zero if the clock was
	// left alone.
	Shift time.Duration

	// Needed is the shift that the evidence asks for, whether it was done or not.
	Needed time.Duration

	// Left is why the clock was left alone, "" if it was not.
	Left string

	// Before and After are the evidence. After is really the later one: the child, the span
	// with the link, or the client's span, which cannot end before the server's.
	Before, After *Span

	rule rule
}

// rule is a fact about two spans that holds whatever the clocks show.
type rule byte

const (
	ruleParent rule = iota // a child starts after its parent started
	ruleLink               // a span ends after the target of its link started
	ruleReply              // a client's span ends after the server's ended
)

// String returns the skew as one line of text.
func (s Skew) String() string {
	process := text.Printable(s.Process)
	if process == "" {
		process = "an unnamed process"
	}
	var why string
	switch s.rule {
	case ruleParent:
		why = fmt.Sprintf("%s starts after its parent %s", s.After, s.Before)
	case ruleLink:
		why = fmt.Sprintf("%s ends after %s starts, to which it links", s.After, s.Before)
	case ruleReply:
		why = fmt.Sprintf("%s ends before %s, its client", s.Before, s.After)
	}
	if s.Left != "" {
		return fmt.Sprintf("clock of %s is off by %s and left alone (%s), though %s", process, signed(-s.Needed), s.Left, why)
	}
	return fmt.Sprintf("clock of %s corrected by %s: %s", process, signed(s.Shift), why)
}

func signed(d time.Duration) string {
	if d < 0 {
		return "-" + text.Duration(-d, "")
	}
	return "+" + text.Duration(d, "")
}
