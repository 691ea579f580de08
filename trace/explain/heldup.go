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

// waitsFor are the waits for another goroutine, and their descriptions. Receives are not
// included, because a receiver may just be idle.
var waitsFor = map[semconv.Reason]string{
	semconv.ReasonChanSend:  "to send on a channel",
	semconv.ReasonLock:      "to get a lock",
	semconv.ReasonSemaphore: "to get a semaphore",
	semconv.ReasonFuture:    "for a result",
	semconv.ReasonWaitGroup: "for an end",
	semconv.ReasonWriteLock: "to write on its connection",
}

// maxSteps limits how far a cause is followed: a trace may have circles.
const maxSteps = 16

// queueUp is the goroutines that waited, directly or behind one another, for one end of a
// connection.
type queueUp struct {
	repeated // the blocked writes at the head
	steps    []*groups[semconv.Reason, step]
	last     *block // the longest of the noticeable waits that are furthest behind
	behind   int    // how far last is behind
}

type step struct {
	repeated
	blocks []*block
	who    map[*chain.Span]bool
}

// heldUp finds the goroutines that a blocked write delayed. A wait is for the goroutine
// that its wake links to. If that goroutine was itself blocked for most of the time, the
// wait is for whatever that one waited for.
func heldUp(s *scene) []Finding {
	of := map[*chain.Span][]*block{} // blocks of each goroutine, in the order of their start
	for _, b := range s.blocks {
		of[b.runner] = append(of[b.runner], b)
	}
	for _, blocks := range of {
		slices.SortStableFunc(blocks, func(a, b *block) int { return a.Start.Compare(b.Start) })
	}
	queues := newGroups[*end, queueUp]()
	for _, b := range s.blocks {
		var path []*block
		for c := b; c != nil && len(path) <= maxSteps; c = s.waitedFor(c, of) {
			path = append(path, c)
		}
		head := path[len(path)-1]
		if head.reason() == semconv.ReasonNetWrite && head.end != nil {
			queues.of(head.end).add(path)
		}
	}
	var found []Finding
	for _, q := range queues.all {
		if q.last != nil && q.longest != nil {
			found = append(found, q.finding(s, of))
		}
	}
	return found
}

// waitedFor returns the block of the goroutine that b waited for, if that was blocked for
// more than half of b; else nil.
func (s *scene) waitedFor(b *block, of map[*chain.Span][]*block) *block {
	by := b.Waker()
	if _, ok := waitsFor[b.reason()]; !ok || by == nil {
		return nil
	}
	if !by.IsGoroutine() {
		by = by.Goroutine()
	}
	if by == nil || by == b.runner {
		return nil
	}
	var longest *block
	most := b.Duration() / 2
	blocks := of[by]
	// Blocks of one goroutine do not overlap, so their ends are in order, too.
	i, _ := slices.BinarySearchFunc(blocks, b.Start, func(x *block, t time.Time) int { return x.End.Compare(t) })
	for n := 0; i < len(blocks) && n < maxSteps && blocks[i].Start.Before(b.End); i, n = i+1, n+1 {
		if both := overlap(blocks[i].Span, b.Span); both > most {
			longest, most = blocks[i], both
		}
	}
	return longest
}

// add adds a wait, with the waits that it was for in turn. Consecutive waits for the same
// kind of thing are one step.
func (q *queueUp) add(path []*block) {
	b, behind, n := path[0], len(path)-1, 0
	for i := range behind {
		if path[i].reason() != path[i+1].reason() {
			n++
		}
	}
	if n == 0 {
		q.repeated.add(b)
		return
	}
	for len(q.steps) < n {
		q.steps = append(q.steps, newGroups[semconv.Reason, step]())
	}
	st := q.steps[n-1].of(b.reason())
	st.add(b)
	st.blocks = append(st.blocks, b)
	if st.who == nil {
		st.who = map[*chain.Span]bool{}
	}
	st.who[b.runner] = true
	if b.Duration() >= noticeable && (behind > q.behind || behind == q.behind && b.Duration() > q.last.Duration()) {
		q.last, q.behind = b, behind
	}
}

func (q *queueUp) finding(s *scene, of map[*chain.Span][]*block) Finding {
	head := q.longest
	said := fmt.Sprintf("%s was blocked writing to it %s, %s in all", sentence(s.who(head.Span, head.end, "a writer")),
		text.Counted(q.count, "time"), duration(q.total))
	var behind []string
	longest, others := head, map[*chain.Span]bool{}
	for _, steps := range q.steps {
		slices.SortStableFunc(steps.all, func(a, b *step) int { return cmp.Compare(b.total, a.total) })
		for _, st := range steps.all {
			if st.longest.Duration() > longest.Duration() {
				longest = st.longest
			}
			who := s.who(st.longest.Span, st.longest.end, "one")
			if n := len(st.who); n > 1 {
				who += fmt.Sprintf(" (%d of them)", n)
			}
			for run := range st.who {
				others[run] = true
			}
			for _, b := range st.blocks {
				s.report(b.Span)
			}
			behind = append(behind, fmt.Sprintf("behind it %s waited %s, %s, %s in all", who,
				waitsFor[st.longest.reason()], text.Counted(st.count, "time"), duration(st.total)))
		}
	}
	said += "; " + listed(behind, "; ")
	why := "%s held "
	if head.cause() == semconv.CausePeerWindow { // else another rule reports what is known
		why = "%s was not reading, and held "
	}
	if head.end.peerIs() != proven {
		said += "; at the other end was " + head.end.peerInFull()
	}
	f := q.repeated.finding(s)
	f.Rule, f.Severity, f.Text = HeldUp, graded(longest.Duration()), said+"."
	f.Headline = headline(why+text.Counted(len(others), "other")+" up, one for "+duration(longest.Duration()), head.end.peerInShort())
	f.Advice = "Do not let a slow peer delay the others: give the send a deadline or drop messages, and do not wait for the " +
		"peer while holding a lock."
	f.Spans = nil
	for b := q.last; b != nil; b = s.waitedFor(b, of) {
		f.Spans = append(b.spans(), f.Spans...)
		if len(f.Spans) > 4*maxSteps {
			break
		}
	}
	return f
}
