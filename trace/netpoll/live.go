package netpoll

import (
	"sync"
	"time"

	"github.com/wakechain/wakechain/internal/live"
)

// question asks the kernel about a connection. It is pooled, so that asking allocates
// nothing.
type question struct {
	info tcpInfo
	ask  func(fd uintptr)
}

var questions = sync.Pool{New: func() any {
	q := new(question)
	q.ask = func(fd uintptr) { q.info = counters(fd) }
	return q
}}

// ParkedWrite returns what the kernel says of the write that is parked now, and how its
// counters have grown since the park. It returns nil if no write is parked or nothing is
// known about it. It does not wait for the parked call. It is for package trace/live.
func (c *Conn) ParkedWrite(r *live.Report) *live.Socket {
	h := &c.write
	if c.raw == nil || !h.parked.Load() {
		return nil
	}
	var e evidence
	before, ok := h.parkedSince(&e)
	if !ok {
		return nil
	}
	q := questions.Get().(*question)
	err := c.raw.Control(q.ask)
	e.awake = q.info
	questions.Put(q)
	e.blocked = time.Since(before)
	if again, ok := h.parkedSince(nil); err != nil || !ok || !again.Equal(before) {
		return nil // the park is over
	}
	s := r.NewSocket()
	s.Since, s.Written = before, e.written
	park, now := &e.park, &e.awake
	if !park.ok || !now.ok {
		return s
	}
	s.Known = true
	s.Cause = string(e.cause())
	s.Queue, s.NotSent, s.Window, s.Unacked, s.RTT = now.queue, now.notSent, now.window, now.unacked, now.rtt
	s.Busy, s.RwndLimited, s.SndbufLimited = now.busy-park.busy, e.peerWindow(), e.sndbuf()
	s.Retransmits = now.retransmits - park.retransmits
	return s
}

// parkedSince returns since when a write is parked and, unless e is nil, sets in it what
// the kernel said then and how much had been written.
func (h *half) parkedSince(e *evidence) (since time.Time, ok bool) {
	h.look.Lock()
	defer h.look.Unlock()
	if h.shown == nil {
		return time.Time{}, false
	}
	if e != nil {
		e.park, e.written = h.shown.info, h.shown.total
	}
	return h.shown.since, h.parked.Load()
}
