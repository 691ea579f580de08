package explain

import (
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// reading is what the reader at the other end did while a write was blocked.
type reading struct {
	does    string        // the operation that it was in for most of the time, or ""
	took    time.Duration // how long of the block it was in it
	waiting bool          // it was parked for bytes for at least half of the time
	text    string        // the description: a sentence with a space before it, or ""
}

// reader describes what the reader did instead of reading. Its other operations explain
// that only if it is proven to be the reader of this connection. Else only its own wait for
// bytes is mentioned.
func (s *scene) reader(b *block) (r reading) {
	if b.end == nil || b.end.peer == nil || b.End.IsZero() {
		return r
	}
	peer := b.end.peer
	if b.end.peerIs() != proven {
		if waited, by := peer.waitedForBytes(b); 2*waited >= b.Duration() && waited > 0 {
			r.waiting = true
			r.text = " " + sentence(s.who(by.Span, peer, "the far reader")) + " was waiting for bytes for " + duration(waited) + " of that."
		}
		return r
	}
	last, idle := peer.idle(b.Span)
	if last == nil {
		if !peer.hidden && len(peer.closes) > 0 { // else its reads may be unfinished, or left out
			r.text = " The trace has no read of " + peer.name() + " on this connection before that."
		}
		return r
	}
	run := last.Goroutine()
	who := "its reader"
	if run != nil {
		who += " " + runnerName(run)
		r.does, r.took = mostly(run, b.Span)
	}
	if 2*r.took >= b.Duration() && r.took > 0 {
		r.does = plain(r.does)
		r.text = " " + sentence(who) + " was in " + r.does + " for " + duration(r.took) + " of that."
		return r
	}
	r.does = ""
	switch {
	case 2*idle < b.Duration() || peer.hidden:
	case run != nil && run.Life() != nil && earliest(run.Life().End, b.Start) != b.Start:
		r.text = " " + sentence(who) + " had ended " + duration(b.Start.Sub(run.Life().End)) + " before."
	case last.End.After(b.Start):
		r.text = " " + sentence(who) + " did not read for " + duration(idle) + " of that."
	default:
		r.text = " " + sentence(who) + " had last read " + duration(b.Start.Sub(last.End)) + " before that."
	}
	return r
}

// idle returns the last read that began before the block, or else the first one in it, and
// the longest time in the block in which no read was in progress.
func (e *end) idle(during *chain.Span) (last *chain.Span, most time.Duration) {
	since := during.Start
	for _, rd := range e.reads {
		if !rd.Start.Before(during.End) {
			break
		}
		if last == nil || !rd.Start.After(during.Start) {
			last = rd
		}
		most = max(most, rd.Start.Sub(since))
		since = latest(since, rd.End)
	}
	return last, max(most, during.End.Sub(since), 0)
}

// waitedForBytes returns how long the end's reads were parked for bytes during the block,
// and the block with the longest part of that.
func (e *end) waitedForBytes(b *block) (sum time.Duration, longest *block) {
	var most time.Duration
	for _, w := range e.blocks {
		if w.reason() != semconv.ReasonNetRead || w.op == nil || w.op.Name != semconv.SpanRead {
			continue
		}
		if both := overlap(w.Span, b.Span); both > 0 {
			sum = chain.Sum(sum, both)
			if both > most {
				longest, most = w, both
			}
		}
	}
	return min(sum, b.Duration()), longest
}

// mostly returns the operation that the goroutine was in for the longest part of a block
// elsewhere, and how long.
func mostly(run, during *chain.Span) (name string, most time.Duration) {
	sum := map[string]time.Duration{}
	for _, c := range run.Children {
		if c == run.Rest() || c.IsRead() || c.Is(semconv.SpanHandshake) || c.IsGoroutine() || c.Process() != run.Process() {
			continue
		}
		if both := overlap(c, during); both > 0 {
			sum[c.Name] = chain.Sum(sum[c.Name], both)
			if d := sum[c.Name]; d > most || d == most && c.Name < name {
				name, most = c.Name, d
			}
		}
	}
	return name, min(most, during.Duration())
}

// overlap returns how long both spans were in progress.
func overlap(a, b *chain.Span) time.Duration {
	return max(earliest(a.End, b.End).Sub(latest(a.Start, b.Start)), 0)
}
