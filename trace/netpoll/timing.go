package netpoll

import (
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/trace/internal/annotate"
)

// Timer is an [Observer] of reads that needs only how long they were blocked.
type Timer interface {
	Observer

	// Blocked is called in place of Park and Wake if possible, after a read that was
	// blocked for d.
	Blocked(d time.Duration)
}

// TimeRead is ObserveRead for a Timer, at less cost: nothing is called at the park, and
// the kernel is asked for no evidence.
func (c *Conn) TimeRead(t Timer) {
	h := c.read()
	h.observe(Call{to: t})
	if c.raw != nil {
		x := &timing{h: h, to: t}
		x.try = x.attempt
		c.timing.Store(x)
	}
}

// TimedPark returns since when a read with a [Timer] has been parked; zero: none is.
func (c *Conn) TimedPark() (since time.Time) {
	if t := c.timing.Load(); t != nil {
		if at := t.since.Load(); at != 0 {
			since = c.start.Add(time.Duration(at))
		}
	}
	return since
}

// timing observes reads for a [Timer]. It has little code, since that is cold after a system
// call.
type timing struct {
	h       *half // whose mu guards what the call in progress uses
	to      Timer
	try     func(fd uintptr) bool // attempt as a func value, which is made once
	p       []byte
	n       int
	err     error
	blocked time.Duration
	since   atomic.Int64 // of the park in progress, on the conn's clock; 0: none
}

func (t *timing) read(p []byte) (int, error) {
	h := t.h
	if !h.mu.TryLock() {
		return h.poll(Call{to: t.to}, p)
	}
	t.p = p
	err := h.conn.raw.Read(t.try)
	if t.since.Load() != 0 { // the loop gave up: deadline, or closed
		t.n, t.err = 0, nil
		t.wakes(time.Since(h.conn.start))
	}
	n, failed, blocked := t.n, t.err, t.blocked
	t.p, t.n, t.err, t.blocked = nil, 0, nil, 0
	h.mu.Unlock()
	if blocked > 0 {
		t.to.Blocked(blocked)
	}
	switch {
	case err == nil && failed == nil:
		return n, nil
	case err == nil:
		_ = h.connError(failed) // keeps it for the wake of a parked write, which gets another error
		return n, h.callError("read", failed)
	}
	if opErr, ok := err.(*net.OpError); ok { //nolint:errorlint // the loop made it, for this call
		opErr.Op = "read"
	}
	return n, err
}

// attempt is [half.attempt] without a report of the park.
func (t *timing) attempt(fd uintptr) bool {
	var awake time.Duration
	parked := t.since.Load() != 0
	if parked {
		awake = time.Since(t.h.conn.start)
	}
	for {
		n, err := sysRead(fd, t.p[:min(len(t.p), maxIO)])
		if err != nil {
			errno, _ := err.(syscall.Errno) //nolint:errorlint // as it comes from the system call
			switch errno {
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				if !parked {
					if annotate.On() {
						annotate.Park(t.h.conn.LocalAddr(), t.h.conn.RemoteAddr())
					}
					t.since.Store(max(int64(time.Since(t.h.conn.start)), 1)) // as late as possible
				}
				return false
			}
		} else if n == 0 {
			err = io.EOF
		}
		t.n, t.err = max(n, 0), err
		if parked {
			t.wakes(awake)
		}
		return true
	}
}

// wakes notes the wake, unless there was no park.
func (t *timing) wakes(awake time.Duration) {
	if d := awake - time.Duration(t.since.Load()); d >= shortestPark {
		t.blocked = d
	}
	t.since.Store(0)
}
