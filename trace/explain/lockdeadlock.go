package explain

import (
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// lockDeadlocks finds circles of goroutines in which each waited for what the next one
// held, until one gave up. Its block names the goroutine that held the lock then, and so do
// the blocks of the others, or the links of their wakes. A goroutine can be a circle by
// itself.
func lockDeadlocks(s *scene) []Finding {
	var found []Finding
	holders := s.holders()
	if len(holders) == 0 {
		return nil
	}
	locked := map[*chain.Span][]*block{} // waits of each goroutine for locks and semaphores
	for _, b := range s.blocks {
		if b.runner != nil && b.op != nil && (b.reason() == semconv.ReasonLock || b.reason() == semconv.ReasonSemaphore) {
			locked[b.runner] = append(locked[b.runner], b)
		}
	}
	for _, b := range s.blocks {
		if holders[b] == nil || s.reported[b.Span] || b.runner == nil || b.op == nil {
			continue
		}
		if circle := s.circle(b, holders, locked); circle != nil {
			found = append(found, s.lockDeadlock(circle))
		}
	}
	return found
}

// holders returns, for each block that names a holder, the goroutine that held what it
// waited for.
func (s *scene) holders() map[*block]*chain.Span {
	wanted := map[string]*chain.Span{}
	for _, b := range s.blocks {
		if id := b.Str(semconv.BlockHolderKey); id != "" {
			wanted[id] = nil
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	for _, sp := range s.spans {
		run := sp.Goroutine()
		if sp.IsGoroutine() {
			run = sp
		}
		if by, ok := wanted[sp.SpanID.String()]; ok && by == nil && sp.SpanID != (oteltrace.SpanID{}) {
			wanted[sp.SpanID.String()] = run
		}
	}
	holders := map[*block]*chain.Span{}
	for _, b := range s.blocks {
		if by := wanted[b.Str(semconv.BlockHolderKey)]; by != nil {
			holders[b] = by
		}
	}
	return holders
}

// circle returns the blocks of the goroutines that waited for one another when b was given
// up, starting with b, or nil if there is no circle.
func (s *scene) circle(b *block, holders map[*block]*chain.Span, locked map[*chain.Span][]*block) []*block {
	circle := []*block{b}
	for at := holders[b]; at != b.runner; {
		next := lockedOut(locked[at], b.End)
		if next == nil || len(circle) == maxSteps {
			return nil
		}
		circle = append(circle, next)
		if at = holders[next]; at == nil {
			if at = s.letGoBy(next); at == nil {
				return nil
			}
		}
	}
	return circle
}

// lockedOut returns the goroutine's block that was in progress at the given time, or nil.
func lockedOut(blocks []*block, at time.Time) *block {
	for _, b := range blocks {
		if b.Start.Before(at) && !b.End.Before(at) {
			return b
		}
	}
	return nil
}

// letGoBy returns the goroutine that ended the block by unlocking or releasing, or nil.
func (s *scene) letGoBy(b *block) *chain.Span {
	by := b.Waker()
	if by == nil || b.woken() != semconv.WakeUnlocked && b.woken() != semconv.WakeReleased {
		return nil
	}
	if by.IsGoroutine() {
		return by
	}
	return by.Goroutine()
}

func (s *scene) lockDeadlock(circle []*block) Finding {
	first := circle[0]
	from, to := first.Start, first.End
	var said, ops, names []string
	var spans []*chain.Span
	for i, b := range circle {
		from, to = latest(from, b.Start), earliest(to, b.End)
		next := circle[(i+1)%len(circle)]
		names = append(names, s.exactly(b.Span, nil, "one"))
		ops = append(ops, s.ref(b.op))
		said = append(said, s.ref(b.op)+" waited for what "+s.exactly(next.Span, nil, "another")+" held")
		spans = append(spans, b.spans()...)
	}
	took := max(to.Sub(from), 0)
	f := Finding{
		Rule: LockDeadlock, Severity: Problem, Spans: spans, At: from.Sub(s.start), Count: 1, Total: took,
		Advice: "Take the locks in the same order everywhere, or hold only one at a time: look at " + listed(ops, " and ") + ".",
	}
	switch len(circle) {
	case 1:
		f.Headline = headline("%s waited "+duration(took)+" for a lock that it held itself", names...)
		f.Advice = "A lock is not reentrant: call what expects it to be held, instead of " + ops[0] + "."
		said = []string{ops[0] + " waited for what the same goroutine had locked before"}
	case 2:
		f.Headline = headline("%s and %s deadlocked for "+duration(took)+": each held the lock that the other wanted", names...)
	default:
		f.Headline = headline("%s and "+text.Counted(len(circle)-1, "other")+" deadlocked for "+duration(took)+": each held what another wanted", names...)
	}
	f.Text = sentence(listed(said, "; ")) + "."
	if why := s.wokenBy(first); why != "" {
		f.Text += " What ended it: for " + names[0] + ", " + why + s.endedWith(first.op) + "."
	}
	for _, b := range circle {
		s.report(b.Span, b.op)
	}
	return f
}
