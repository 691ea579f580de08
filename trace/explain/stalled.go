package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// limit is what a write was blocked by, according to the kernel's counters.
type limit struct {
	rule   Rule
	least  time.Duration                    // minimum total of a finding
	why    func(*scene, *block) explanation // explains the longest block
	advice string
}

// explanation is why a write was blocked, in short for a headline, and in sentences. The
// first sentence continues one that begins with the write's name.
type explanation struct {
	short    string
	names    []string // for the %s in short
	evidence string
	advice   string // instead of the limit's, or ""
}

const withDeadline = "Give the writes a deadline, so that a peer that stops costs no more than that."

var limits = map[semconv.Cause]limit{
	semconv.CausePeerWindow: {
		SenderStalled, 0, (*scene).peerWindow,
		"Look at what the reader does between two reads: it should read in a goroutine of its own, or as fast as is " +
			"written. " + withDeadline,
	},
	semconv.CauseNetwork: {
		NetworkLimited, 0, (*scene).network,
		"Send less (fewer or smaller messages, compression), or look at the path: its bandwidth, its delay, and what " +
			"loses packets on it.",
	},
	semconv.CauseLocalBuffer: {
		BufferLimited, 0, (*scene).localBuffer,
		"Make fewer and larger writes (several messages in one, a buffered writer that is flushed): many small segments fill " +
			"the buffer with bookkeeping. Look at whether the peer reads. A larger send buffer " +
			"(net.TCPConn.SetWriteBuffer, net.ipv4.tcp_wmem) comes last.",
	},
	semconv.CauseUnknown: {
		WriteBlocked, noticeable, (*scene).unknown,
		"Look at what the peer did in that time. On Linux, over TCP, a block of 8 ms or longer says why it was.",
	},
}

// stall is the blocks with one limit at one place.
type stall struct {
	limit
	repeated
}

// blockedWrites finds the writes that were blocked on the network, and why.
func blockedWrites(s *scene) []Finding {
	type key struct {
		place any
		rule  Rule
	}
	stalls := newGroups[key, stall]()
	for _, b := range s.blocks {
		if b.reason() != semconv.ReasonNetWrite || s.reported[b.Span] {
			continue
		}
		l, ok := limits[b.cause()]
		if !ok {
			l = limits[semconv.CauseUnknown]
		}
		st := stalls.of(key{b.place(), l.rule})
		st.limit = l
		st.add(b)
	}
	var found []Finding
	for _, st := range stalls.all {
		if st.total >= st.least {
			found = append(found, st.finding(s))
		}
	}
	return found
}

func (st *stall) finding(s *scene) Finding {
	b := st.longest
	who, why := s.who(b.Span, b.end, "a writer"), st.why(s, b)
	f := st.repeated.finding(s)
	f.Rule, f.Severity, f.Advice = st.rule, graded(b.Duration()), st.advice
	f.Headline = headline("%s was blocked "+duration(st.total)+" writing: "+why.short, append([]string{who}, why.names...)...)
	f.Text = "It was " + b.message()
	if st.count > 1 {
		f.Text = "The longest of " + text.Counted(st.count, "time") + " took " + duration(b.Duration()) + ", in " + b.message()
	}
	if why.advice != "" {
		f.Advice = why.advice
	}
	f.Text += why.evidence + b.ledger() + b.history() + s.outcome(b) + b.timeLimit()
	s.report(b.op)
	if last := st.last; last != b && last.op != nil && last.op.Failed() {
		s.report(last.op)
		f.Text += " Later:" + strings.TrimPrefix(s.outcome(last), " What woke it:")
	}
	if st.rule == WriteBlocked {
		f.Severity = Info
	}
	return f
}

// message names the blocked write, by the messages of its connection.
func (b *block) message() string {
	if b.op == nil {
		return "a write"
	}
	if i := lastIndex(b.op); i > 0 {
		return "the write of message " + text.Number(i)
	}
	if w := b.write(); w != nil && w.sent != nil && !w.sent.End.After(b.Start) {
		return "the write after message " + text.Number(lastIndex(w.sent))
	}
	return "a " + plain(b.op.Name)
}

func (s *scene) peerWindow(b *block) explanation {
	peer := b.end.peerInShort()
	e := explanation{short: "%s was not reading", names: []string{peer}}
	closed := min(b.Seconds(semconv.TCPRwndLimitedKey), b.Duration())
	e.evidence = "; the receive window of " + b.end.peerInFull() + " was closed"
	if b.end.peerIs() == proven {
		e.evidence = "; " + peer + "'s receive window was closed"
	}
	switch {
	case closed == 0: // the block has no counters
	case closed > b.Duration()*98/100:
		e.evidence += " all that time"
	default:
		e.evidence += " for " + duration(closed) + " of that"
	}
	e.evidence += "."
	r := s.reader(b)
	e.evidence += r.text
	if r.does != "" {
		e.short, e.names = "%s was in %s, not reading", []string{peer, r.does}
	}
	at := plain(b.end.peerAddress())
	switch {
	case b.end.peerIs() == disproved:
		e.advice = "Look at what is at " + at + ": it stands between the two, and stops, or waits for its own peer. " + withDeadline
	case r.waiting && at != "":
		e.advice = "Look at what is at " + at + ", and at what stands between it and the reader, which was waiting for bytes. " + withDeadline
	case r.waiting:
		e.advice = "Look at what stands between this side and the reader, which was waiting for bytes. " + withDeadline
	}
	return e
}

func (s *scene) network(b *block) explanation {
	e := explanation{short: "loss or congestion in the network", evidence: "; the kernel took the network for congested."}
	if n := b.Int(semconv.TCPRetransmitsKey); n > 0 {
		e.evidence = "; the kernel sent " + text.Counted(int(n), "segment") + " again."
	}
	return e
}

// localBuffer describes what filled the buffer. The buffer also includes the bookkeeping of
// each segment, and keeps data until the peer acknowledges it.
func (s *scene) localBuffer(b *block) explanation {
	e := explanation{short: "its send buffer was full", evidence: "; the kernel's send buffer was full"}
	if n := b.Int(semconv.TCPSendMemoryKey); n > 0 {
		e.evidence += ": " + size(b.Int(semconv.TCPSendQueueKey)) + " took " + size(n) + " of memory, with the bookkeeping of each segment"
		if most := b.Int(semconv.TCPSendBufferKey); most > 0 {
			e.evidence += ", of " + size(most) + " that it may take"
		}
	}
	if n := b.Int(semconv.TCPUnackedKey); n > 0 {
		e.evidence += "; " + text.Counted(int(n), "segment") + " that " + b.end.peerName() + " had not acknowledged"
	}
	e.evidence += ". That may well be because " + b.end.peerName() + " was not reading: the kernel does not tell."
	return e
}

func (s *scene) unknown(b *block) explanation {
	e := explanation{short: "the trace does not say why", evidence: "; the trace does not say why it was blocked"}
	if b.awaitedAcks() {
		e.short = "acknowledgements came late"
		e.evidence = "; it waited for acknowledgements, without a sign that the network lost anything"
	}
	if src := b.Str(semconv.BlockSourceKey); src != "" && src != string(semconv.SourcePoll) {
		e.evidence += " (it was " + plain(src) + ")"
	}
	e.evidence += "."
	return e
}

// awaitedAcks reports whether data was in flight for at least half of the block, while
// neither the window nor the buffer was the limit.
func (b *block) awaitedAcks() bool {
	inFlight := b.Float(semconv.TCPBusyKey) - b.Float(semconv.TCPRwndLimitedKey) - b.Float(semconv.TCPSndbufLimitedKey)
	return inFlight > 0 && 2*inFlight >= b.Duration().Seconds()
}

// ledger describes where the bytes were when the write blocked: as a sentence with a space
// before it, or "". It mentions the window that the peer had offered only if no counter
// shows how long it was closed, because the window may have closed later.
func (b *block) ledger() string {
	written, ok := b.Attr(semconv.TCPWrittenKey)
	if !ok {
		return ""
	}
	said := fmt.Sprintf(" By then %s had been handed to the kernel, and %s of them were not acknowledged (%s not even sent",
		size(written.AsInt64()), size(b.Int(semconv.TCPSendQueueKey)), size(b.Int(semconv.TCPNotSentKey)))
	if _, counted := b.Attr(semconv.TCPRwndLimitedKey); !counted && b.cause() == semconv.CausePeerWindow {
		said += "; the window was " + size(b.Int(semconv.TCPPeerWindowKey))
	}
	return said + ")" + b.room() + "."
}

// room describes how the buffers kept the writes before from blocking, if the trace has all
// of them.
func (b *block) room() string {
	w := b.write()
	if w == nil || w.sent == nil || w.before != int(lastIndex(w.sent)) {
		return ""
	}
	switch {
	case w.blocked == 0:
		return ", which is why the " + text.Counted(w.before, "write") + " before it did not block"
	case w.blocked <= w.before/10:
		return fmt.Sprintf(", which is why of the %s before it only %d blocked", text.Counted(w.before, "write"), w.blocked)
	default:
		return ""
	}
}
