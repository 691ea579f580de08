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

// show returns what an operation must come to before it has a span. Almost every read
// waits for its message to begin, which alone is no reason; a read that waits in the
// middle of a message is shown (see [showBlocks]).
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

// untilShown is what a message must come to where those that come to nothing have no
// span of their own.
func untilShown(name string) core.Show {
	if name == semconv.SpanRead {
		return core.ShowFailed
	}
	return core.ShowBlocked
}

// showLast notes that op, which is about to end, has a span if the connection's close is
// reported already: no other span would state what was left out since. The caller holds
// s.mu.
func (s *Session) showLast(op trace.Op) {
	if s.closing.reported {
		core.Ref(op).SetShow(core.ShowAll)
	}
}

// unlockToEnd unlocks s.mu for a read or write that has left the library and is about to
// end. What was left to be done, such as the report of the close, is done at once or, where
// messages have no spans, by [do] behind that end: no other span states what was left out
// of it.
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

// tellAll has each message have its span where somebody wants that, unless the program
// says which have one.
func (v *volume) showAllMessages(whole bool) {
	if whole && !v.chosen {
		v.messages = MessagesAll
	}
}

// showBlocks notes that op waits in the middle of a message, which is never mere
// idling.
func showBlocks(op trace.Op) { core.Ref(op).SetShow(core.ShowBlocked) }
