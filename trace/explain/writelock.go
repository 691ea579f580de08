package explain

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// brief is what waiting for another goroutine may last in all unnoticed.
const brief = time.Millisecond

// waitingWriters finds the writes that waited for another one on their
// connection.
func waitingWriters(s *scene) []Finding {
	waits := newGroups[any, repeated]()
	for _, b := range s.blocks {
		if b.reason() == trace.ReasonWriteLock {
			waits.of(b.place()).add(b)
		}
	}
	var found []Finding
	for _, w := range waits.all {
		if w.total < brief {
			continue
		}
		b := w.longest
		text := fmt.Sprintf("%s waited %s to write: ", s.who(b.Span, b.end, "a writer"), duration(b.Duration()))
		if w.count > 1 {
			text = fmt.Sprintf("%s on one connection had to wait for another, %s in all. In the longest, %s",
				counted(w.count, "write"), duration(w.total), text)
		}
		f := w.finding(s)
		f.Rule, f.Severity = WriterWaited, min(graded(b.Duration()), Warning)
		f.Text = sentence(text) + s.holder(b)
		f.Advice = "A connection carries one message at a time. Look at what held up the write in front, or write from one " +
			"goroutine that the others hand their messages to."
		found = append(found, f)
	}
	return found
}

// holder says which write had the connection until b ended.
func (s *scene) holder(b *block) string {
	by := b.waker()
	if b.woken() != trace.WakeUnlocked || by == nil {
		return "another write was in progress." + s.outcome(b)
	}
	text := s.ref(by) + " was in progress"
	if d := by.Blocked(); d > 0 {
		text += ", which was blocked for " + duration(d) + " itself"
	}
	return text + "."
}
