package netpoll_test

import (
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestCause(t *testing.T) {
	const ms = time.Millisecond
	type park = netpoll.Counters
	tests := []struct {
		name     string
		blocked  time.Duration
		park     park
		cause    semconv.Cause
		peerRead bool
	}{
		{"nothing grew", 100 * ms, park{Window: 9}, semconv.CauseUnknown, false},
		{"peer's window", 100 * ms, park{Window: 9, Busy: 100 * ms, Rwnd: 100 * ms}, semconv.CausePeerWindow, false},
		{"half of it", 100 * ms, park{Window: 9, Busy: 100 * ms, Rwnd: 50 * ms}, semconv.CausePeerWindow, false},
		{"less than half", 100 * ms, park{Window: 9, Busy: 90 * ms, Rwnd: 49 * ms}, semconv.CauseUnknown, false},
		{"less than half, closed at the park", 100 * ms, park{Busy: 100 * ms, Rwnd: 4 * ms, Retransmits: 2}, semconv.CausePeerWindow, false},
		{"closed at the park, but not in the way", 100 * ms, park{Busy: 90 * ms, NotSent: 1}, semconv.CauseUnknown, false},
		{"closed all the time, and what came too late is sent again", 100 * ms, park{Busy: 100 * ms, NotSent: 1, Retransmits: 1, Reduced: true}, semconv.CausePeerWindow, false},
		{"lost, and the window opened", 100 * ms, park{Opens: 9, Busy: 100 * ms, NotSent: 1, Reduced: true}, semconv.CauseNetwork, true},
		{"lost, and the window closed", 100 * ms, park{Window: 9, Opens: -9, Busy: 100 * ms, NotSent: 1, Reduced: true}, semconv.CauseNetwork, false},
		{"send buffer", 100 * ms, park{Window: 9, Busy: 100 * ms, Sndbuf: 60 * ms}, semconv.CauseLocalBuffer, false},
		{"all sent, unacknowledged", 100 * ms, park{Window: 9, Busy: 100 * ms, Rwnd: 20 * ms, Sndbuf: 20 * ms}, semconv.CauseLocalBuffer, false},
		{"not all sent", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Rwnd: 20 * ms, Sndbuf: 20 * ms}, semconv.CauseUnknown, false},
		{"a probe", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Retransmits: 1}, semconv.CauseUnknown, false},
		{"may send less, and did not need more", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Cwnd: -2}, semconv.CauseUnknown, false},
		{"may send less, all sent", 100 * ms, park{Window: 9, Busy: 100 * ms, Cwnd: -2}, semconv.CauseLocalBuffer, false},
		{"may send less, after a probe", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Cwnd: -2, Retransmits: 1}, semconv.CauseUnknown, false},
		{"may send less, after a loss", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Cwnd: -2, Reduced: true}, semconv.CauseNetwork, false},
		{"sends more", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Cwnd: 1}, semconv.CauseUnknown, false},
		{"recovers", 100 * ms, park{Window: 9, NotSent: 1, Busy: 100 * ms, Reduced: true}, semconv.CauseNetwork, false},
		{"lost", 100 * ms, park{Window: 9, Busy: 10 * ms, Retransmits: 2}, semconv.CauseNetwork, false},
		{"lost, with a small buffer", 100 * ms, park{Window: 9, Busy: 100 * ms, Sndbuf: 80 * ms, Retransmits: 2}, semconv.CauseNetwork, false},
		{"lost, yet the window was closed longer", 100 * ms, park{Window: 9, Busy: 100 * ms, Rwnd: 80 * ms, Retransmits: 1}, semconv.CausePeerWindow, false},
		{"shorter than the counters can tell", 7 * ms, park{Window: 9, Busy: 4 * ms, Rwnd: 4 * ms}, semconv.CauseUnknown, false},
		{"two steps of the counters", 8 * ms, park{Window: 9, Busy: 8 * ms, Rwnd: 4 * ms}, semconv.CausePeerWindow, false},
		{"less than half, closed at the wake", 100 * ms, park{Window: 9, Opens: -9, Busy: 100 * ms, Rwnd: 4 * ms, Retransmits: 2}, semconv.CausePeerWindow, false},
		{"the window opened", 100 * ms, park{Opens: 1}, semconv.CauseUnknown, true},
		{"a narrow window opened", 100 * ms, park{Window: 9, Opens: 10, Rwnd: 4 * ms}, semconv.CauseUnknown, true},
		{"a window moved on that was not in the way", 100 * ms, park{Window: 9, Opens: 10, NotSent: 1, Busy: 90 * ms}, semconv.CauseUnknown, false},
		{"a wide window grew", 100 * ms, park{Window: 9, Opens: 9}, semconv.CauseUnknown, false},
		{"the window closed further", 100 * ms, park{Window: 9, Opens: -1}, semconv.CauseUnknown, false},
	}
	for _, tt := range tests {
		if cause, peerRead := netpoll.Explain(tt.blocked, tt.park); cause != tt.cause || peerRead != tt.peerRead {
			t.Errorf("%s: got %s, %v, want %s, %v", tt.name, cause, peerRead, tt.cause, tt.peerRead)
		}
	}
}
