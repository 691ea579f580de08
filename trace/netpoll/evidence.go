package netpoll

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// tcpInfo is the kernel's state of a TCP connection at one moment.
type tcpInfo struct {
	ok bool // the kernel returned it

	// The total time in which there was something to send, and how much of that was
	// limited by the peer's window and by this side's buffer.
	busy, rwndLimited, sndbufLimited time.Duration

	queue, notSent, window int   // bytes
	memory, buffer         int   // bytes of memory that the send queue takes, and may take
	windowEnd              int64 // the end of the peer's window, in bytes since the connection began
	unacked, retransmits   int   // segments
	cwnd                   int   // segments
	congestion             congestion
	rtt                    time.Duration
}

// counterStep is the resolution of the kernel's counters of limited time: they are kept in
// jiffies, which are 4 ms if CONFIG_HZ is 250. Their growth is evidence only for a park of
// at least two steps.
const counterStep = 4 * time.Millisecond

// congestion is a state of the kernel's congestion control, tcp_ca_state.
type congestion uint8

// reduced is the first of the states in which the kernel sends less than it did,
// because of a mark or a loss. Disorder, before it, may be mere reordering.
const reduced congestion = 2

var congestionNames = []string{"open", "disorder", "cwr", "recovery", "loss"}

// evidence is the measurements about one block: of a write at both ends, of a read only
// at the wake.
type evidence struct {
	blocked     time.Duration
	written     int64 // bytes handed to the kernel on this connection until the park
	park, awake tcpInfo
}

func (e *evidence) peerWindow() time.Duration { return e.awake.rwndLimited - e.park.rwndLimited }
func (e *evidence) sndbuf() time.Duration     { return e.awake.sndbufLimited - e.park.sndbufLimited }

// inFlight is the time that was limited neither by the peer's window nor by this side's
// buffer: it was spent waiting for acknowledgements.
func (e *evidence) inFlight() time.Duration {
	return e.awake.busy - e.park.busy - e.peerWindow() - e.sndbuf()
}

// lost reports whether the kernel treated the network as congested: by its state, or
// because it sent more than one segment again. A single one may be a probe (RFC 8985 §7).
// A congestion window that shrinks is no evidence: the kernel also shrinks it if the
// sender does not use it (RFC 7661).
func (e *evidence) lost() bool {
	return e.congestion() >= reduced || e.awake.retransmits-e.park.retransmits > 1
}

// closed reports whether the window was closed at both ends of the block and had not
// moved: nothing could have been sent, whatever the network did.
func (e *evidence) closed() bool {
	return e.park.window == 0 && e.awake.window == 0 && e.park.windowEnd == e.awake.windowEnd
}

func (e *evidence) congestion() congestion { return max(e.park.congestion, e.awake.congestion) }

// cause returns what the counters show for at least half of the park. A snapshot of the
// window is no evidence by itself: it may be open at the start of a park that only the
// peer causes.
func (e *evidence) cause() semconv.Cause {
	switch {
	case !e.park.ok || !e.awake.ok || e.blocked < 2*counterStep:
		return semconv.CauseUnknown
	case 2*e.peerWindow() >= e.blocked:
		return semconv.CausePeerWindow
	case e.peerWindow() > 0 && (e.park.window == 0 || e.awake.window == 0), e.lost() && e.closed():
		// A segment that reached the peer after its window had closed is sent again
		// and again, and that time counts as in flight.
		return semconv.CausePeerWindow
	case e.lost():
		return semconv.CauseNetwork
	case 2*e.sndbuf() >= e.blocked:
		return semconv.CauseLocalBuffer
	case 2*e.inFlight() >= e.blocked && e.park.notSent == 0:
		// The buffer was full of bytes in flight. That says nothing about the peer:
		// many small segments fill the buffer long before its window.
		return semconv.CauseLocalBuffer
	default: // acknowledgements may be late for many reasons
		return semconv.CauseUnknown
	}
}

// peerRead reports whether the peer has read, and so unblocked the write: its window
// limited the write, and then the window's end moved by more than the window's size. A
// peer accepts the rest of its window without reading, and a kernel widens the window of
// a new connection by itself, but never by that much.
func (e *evidence) peerRead() bool {
	limited := e.park.window == 0 || e.peerWindow() > 0
	return e.awake.ok && limited && e.awake.windowEnd-e.park.windowEnd > int64(e.park.window)
}

// known reports whether there is evidence.
func (e *evidence) known() bool { return e.park.ok || e.awake.ok }

// AppendTo appends the attributes of the block's span.
func (e *evidence) AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	seen, most := &e.park, 16
	if !seen.ok {
		seen, most = &e.awake, 4 // a read
	}
	attrs = append(slices.Grow(attrs, most), polledBlock[0],
		semconv.TCPSendQueueKey.Int(seen.queue),
		semconv.TCPUnackedKey.Int(seen.unacked),
		semconv.TCPRTTKey.Float64(seen.rtt.Seconds()))
	if !e.park.ok {
		return attrs
	}
	attrs = append(attrs,
		semconv.BlockCauseKey.String(string(e.cause())),
		semconv.TCPWrittenKey.Int64(e.written),
		semconv.TCPNotSentKey.Int(e.park.notSent),
		semconv.TCPPeerWindowKey.Int(e.park.window))
	if e.park.buffer > 0 {
		attrs = append(attrs,
			semconv.TCPSendMemoryKey.Int(e.park.memory),
			semconv.TCPSendBufferKey.Int(e.park.buffer))
	}
	if e.awake.ok {
		attrs = append(attrs,
			semconv.TCPBusyKey.Float64((e.awake.busy - e.park.busy).Seconds()),
			semconv.TCPRwndLimitedKey.Float64(e.peerWindow().Seconds()),
			semconv.TCPSndbufLimitedKey.Float64(e.sndbuf().Seconds()),
			semconv.TCPRetransmitsKey.Int(e.awake.retransmits-e.park.retransmits),
			semconv.TCPCongestionWindowKey.Int(e.awake.cwnd-e.park.cwnd))
		if c := int(e.congestion()); c < len(congestionNames) {
			attrs = append(attrs, semconv.TCPCongestionStateKey.String(congestionNames[c]))
		}
	}
	return attrs
}
