package explain

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// brief is the shortest wait or block that is mentioned.
const brief = time.Millisecond

// waitingWriters finds the writes that waited for another one on their connection.
func waitingWriters(s *scene) []Finding {
	waits := newGroups[any, repeated]()
	for _, b := range s.blocks {
		if b.reason() == semconv.ReasonWriteLock && !s.reported[b.Span] {
			waits.of(b.place()).add(b)
		}
	}
	var found []Finding
	for _, w := range waits.all {
		b := w.longest
		if w.total < brief || b.Waker() == nil && w.total < noticeable { // it may have waited for a frame of the library
			continue
		}
		who := s.who(b.Span, b.end, "a writer")
		f := w.finding(s)
		f.Headline = headline("%s waited "+duration(b.Duration())+" to write: another write was in progress", who)
		said := ""
		if w.count > 1 {
			f.Headline = headline(text.Counted(w.count, "write")+" waited "+duration(w.total)+" for another one, %s up to "+duration(b.Duration()), who)
			said = fmt.Sprintf("In the longest, %s waited %s to write: ", who, duration(b.Duration()))
		}
		f.Rule, f.Severity = WriterWaited, min(graded(b.Duration()), Warning)
		f.Text = sentence(said + s.holder(b))
		f.Advice = "A connection carries one message at a time. Look at what held up the write in front, or write from one " +
			"goroutine that the others hand their messages to."
		found = append(found, f)
	}
	return found
}

// holder describes the write that had the connection until b ended.
func (s *scene) holder(b *block) string {
	by := b.Waker()
	if b.woken() != semconv.WakeUnlocked || by == nil {
		return "the trace does not have the other write." + s.outcome(b)
	}
	said := s.ref(by) + " was in progress"
	if d := by.Blocked(); d > 0 {
		said += ", which was blocked for " + duration(d) + " itself"
	}
	return said + "."
}
