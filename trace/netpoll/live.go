package netpoll

import (
	"time"

	"github.com/wakechain/wakechain/internal/live"
)

// ParkedWrite returns what the kernel says now of a write that is parked, and what
// grew since the park. It returns nil where none is, or where that is not known. It
// does not wait for the parked call. It is for package trace/live.
func (c *Conn) ParkedWrite() *live.Socket {
	h := &c.write
	before, park, total, ok := h.park()
	if !ok || c.raw == nil {
		return nil
	}
	var now tcpInfo
	err := c.raw.Control(func(fd uintptr) { now = measure(fd) })
	blocked := time.Since(before)
	if again, _, _, ok := h.park(); err != nil || !ok || !again.Equal(before) {
		return nil // it is over
	}
	s := &live.Socket{Since: before, Written: total}
	if !park.ok || !now.ok {
		return s
	}
	e := evidence{blocked: blocked, written: total, park: park, awake: now}
	s.Known = true
	s.Cause = string(e.cause())
	s.Queue, s.NotSent, s.Window, s.Unacked, s.RTT = now.queue, now.notSent, now.window, now.unacked, now.rtt
	s.Busy, s.RwndLimited, s.SndbufLimited = now.busy-park.busy, e.peerWindow(), e.sndbuf()
	s.Retransmits = now.retransmits - park.retransmits
	return s
}

// park returns since when a write is parked, what the kernel said then and how much
// had been written.
func (h *half) park() (since time.Time, info tcpInfo, total int64, ok bool) {
	h.look.Lock()
	defer h.look.Unlock()
	return h.since, h.info, h.total, h.parked.Load()
}
