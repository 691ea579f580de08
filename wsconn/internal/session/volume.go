package session

import (
	"time"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// volume is how many spans a connection makes, and in how many traces.
type volume struct {
	messages   MessageSpans
	chosen     bool // by the program
	perMessage bool
	spans      int
	age        time.Duration
}

// show returns when an operation gets a span. Most reads wait for their message to
// begin, which alone gives them none; a read that waits in the middle of a message has
// one (see [showBlocks]).
func (v *volume) show(name string, busy bool) core.Show {
	blocked := untilShown(name)
	switch v.messages {
	case MessagesNone:
		return core.ShowNone
	case MessagesBlocked:
		return blocked
	case MessagesAuto:
		if busy {
			return blocked
		}
	}
	return core.ShowAll
}

// untilShown returns when a message gets a span of its own, if not all do.
func untilShown(name string) core.Show {
	if name == semconv.SpanRead {
		return core.ShowFailed
	}
	return core.ShowBlocked
}

// showLast gives op, which is about to end, a span if the connection's close is already
// reported: no later span could count op as suppressed. The caller holds s.mu.
func (s *Session) showLast(op trace.Op) {
	if s.closing.reported {
		core.Ref(op).SetShow(core.ShowAll)
	}
}

// unlockToEnd unlocks s.mu for a read or write that has left the library and is about
// to end. It runs what was deferred, such as the report of the close. If messages have
// no spans, it returns that instead, for runAll after the operation's end, so that the
// close counts the operation as suppressed.
func (s *Session) unlockToEnd() (later []func()) {
	if !s.recorded || s.traces.messages != MessagesNone {
		s.unlock()
		return nil
	}
	later, s.deferred = s.deferred, nil
	s.mu.Unlock()
	return later
}

func runAll(later []func()) {
	for _, f := range later {
		f()
	}
}

// showAllMessages gives each message a span if whole, unless the program has chosen.
func (v *volume) showAllMessages(whole bool) {
	if whole && !v.chosen {
		v.messages = MessagesAll
	}
}

// showBlocks notes that op waits in the middle of a message, which is never mere
// idling.
func showBlocks(op trace.Op) { core.Ref(op).SetShow(core.ShowBlocked) }
