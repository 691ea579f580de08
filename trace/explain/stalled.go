package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// limit is what a write was blocked by, as the kernel's counters have it.
type limit struct {
	rule   Rule
	least  time.Duration                     // in all, to be worth a finding
	why    func(*block) (what, proof string) // proof may be ""
	advice string
}

var limits = map[trace.Cause]limit{
	trace.CausePeerWindow: {
		SenderStalled, 0, peerWindow,
		"Look at what the reader does between two reads: it should read in a goroutine of its own, or as fast as is " +
			"written. Give the writes a deadline, so that a peer that stops costs no more than that.",
	},
	trace.CauseNetwork: {
		NetworkLimited, 0, network,
		"Send less (fewer or smaller messages, compression), or look at the path: its bandwidth, its delay, and what " +
			"loses packets on it.",
	},
	trace.CauseLocalBuffer: {
		BufferLimited, 0, localBuffer,
		"Let the system size the send buffer, or set a larger one (net.TCPConn.SetWriteBuffer, net.ipv4.tcp_wmem).",
	},
	trace.CauseUnknown: {
		WriteBlocked, noticeable, unknown,
		"Look at what the peer did in that time. On Linux, over TCP, a block of 8 ms or longer says why it was.",
	},
}

// stall is what one limit did to the writes of one place.
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
		if b.reason() != trace.ReasonNetWrite {
			continue
		}
		l, ok := limits[b.cause()]
		if !ok {
			l = limits[trace.CauseUnknown]
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
	what, proof := st.why(b)
	if proof != "" {
		proof = " (" + proof + ")"
	}
	text := sentence(s.who(b.Span, b.end, "a writer")) + " was blocked "
	if st.count == 1 {
		text += fmt.Sprintf("%s in %s: %s%s.", duration(st.total), b.message(), what, proof)
	} else {
		text += fmt.Sprintf("%s writing, %s in all: %s. The longest took %s, in %s%s.",
			counted(st.count, "time"), duration(st.total), what, duration(b.Duration()), b.message(), proof)
	}
	f := st.repeated.finding(s)
	f.Rule, f.Severity, f.Advice = st.rule, graded(b.Duration()), st.advice
	f.Text = text + b.ledger() + s.outcome(b)
	if last := st.last; last != b && last.op != nil && last.op.Failed() {
		f.Text += " Later:" + strings.TrimPrefix(s.outcome(last), " What woke it:")
	}
	if st.rule == WriteBlocked {
		f.Severity = Info
	}
	return f
}

// message says which write was blocked, by the messages of its connection.
func (b *block) message() string {
	if b.op == nil {
		return "a write"
	}
	if i := b.op.Int(trace.WebSocketMessageIndexKey); i > 0 {
		return "the write of message " + number(i)
	}
	if w := b.write(); w != nil && w.sent != nil && !w.sent.End.After(b.Start) {
		return "the write after message " + number(w.sent.Int(trace.WebSocketMessageIndexKey))
	}
	return "a " + plain(b.op.Name)
}

func peerWindow(b *block) (what, proof string) {
	what = b.end.peerName() + " was not reading"
	closed := min(seconds(b.Float(trace.TCPRwndLimitedKey)), b.Duration())
	switch {
	case closed == 0:
		return what, ""
	case closed > b.Duration()*98/100:
		return what, "its receive window was closed all that time"
	default:
		return what, "its receive window was closed for " + duration(closed) + " of that"
	}
}

func network(b *block) (what, proof string) {
	if n := b.Int(trace.TCPRetransmitsKey); n > 0 {
		proof = "the kernel sent " + counted(int(n), "segment") + " again"
	}
	return "the network was congested, or lost what was sent", proof
}

func localBuffer(b *block) (what, proof string) {
	return "this side's send buffer was the limit, and not " + b.end.peerName(), ""
}

func unknown(b *block) (what, proof string) {
	if src := b.Str(trace.BlockSourceKey); src != "" && src != string(trace.SourcePoll) {
		proof = "it was " + plain(src)
	}
	if b.awaitedAcks() {
		return "it waited for acknowledgements, without a sign that the network lost anything", proof
	}
	return "the trace does not say why", proof
}

// awaitedAcks reports whether data was on its way for most of the block, neither
// the window nor the buffer being the limit.
func (b *block) awaitedAcks() bool {
	inFlight := b.Float(trace.TCPBusyKey) - b.Float(trace.TCPRwndLimitedKey) - b.Float(trace.TCPSndbufLimitedKey)
	return 2*seconds(inFlight) >= b.Duration() && inFlight > 0
}

// ledger says where the bytes were when the write blocked: a sentence with a
// space before it, or "".
func (b *block) ledger() string {
	written, ok := b.Attr(trace.TCPWrittenKey)
	if !ok {
		return ""
	}
	text := fmt.Sprintf(" By then %s had been handed to the kernel, and %s of them were not acknowledged (%s not even sent; "+
		"the window was %s)", size(written.AsInt64()), size(b.Int(trace.TCPSendQueueKey)), size(b.Int(trace.TCPNotSentKey)),
		size(b.Int(trace.TCPPeerWindowKey)))
	return text + b.room() + "."
}

// room says what the buffers did for the writes before, as far as the trace has
// them all.
func (b *block) room() string {
	w := b.write()
	if w == nil || w.sent == nil || w.before != int(w.sent.Int(trace.WebSocketMessageIndexKey)) {
		return ""
	}
	switch {
	case w.blocked == 0:
		return ", which is why the " + counted(w.before, "write") + " before it did not block"
	case w.blocked <= w.before/10:
		return fmt.Sprintf(", which is why of the %s before it only %d blocked", counted(w.before, "write"), w.blocked)
	default:
		return ""
	}
}
