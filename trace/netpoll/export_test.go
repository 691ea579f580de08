package netpoll

import (
	"net"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Counters are the kernel's state at a park, and the growth of its counters during it.
type Counters struct {
	Window, NotSent int // at the park

	Busy, Rwnd, Sndbuf time.Duration
	Retransmits, Opens int // Opens is the growth of the window
	Cwnd               int
	Reduced            bool // at the wake
}

// Explain returns what the evidence shows about a park: its cause, and whether the peer
// has read.
func Explain(blocked time.Duration, p Counters) (cause semconv.Cause, peerRead bool) {
	park := tcpInfo{
		ok: true, busy: time.Minute, rwndLimited: time.Minute, sndbufLimited: time.Minute,
		retransmits: 3, window: p.Window, notSent: p.NotSent, cwnd: 10,
	}
	awake := park
	awake.busy += p.Busy
	awake.rwndLimited += p.Rwnd
	awake.sndbufLimited += p.Sndbuf
	awake.retransmits += p.Retransmits
	awake.window += p.Opens
	awake.windowEnd += int64(p.Opens)
	awake.cwnd += p.Cwnd
	if p.Reduced {
		awake.congestion = reduced
	}
	e := evidence{blocked: blocked, park: park, awake: awake}
	return e.cause(), e.peerRead()
}

// Measure asks the kernel about a connection, and reports whether it answered.
func Measure(fd uintptr) bool { return measure(fd).ok }

// WithRaw is Wrap with raw as the poller's loop.
func WithRaw(nc net.Conn, raw syscall.RawConn) *Conn {
	c := Wrap(nc)
	c.raw = raw
	return c
}
