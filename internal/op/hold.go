package op

import "time"

// A caller who is about to enter code that holds locks, from which the operation's
// edges are reported, holds the operation: a sink may run code of the program's that
// waits for such a lock. What sinks are told meanwhile is kept, until Release or End.
// If that takes long, they are told by a goroutine of their own, which waits for
// nothing and for which nothing waits.

// Hold has sinks told later.
func (f Ref) Hold() {
	if r := f.lock(); r != nil {
		r.held = true
		r.mu.Unlock()
	}
}

// Release tells the sinks what was kept since Hold, and from now on at once.
func (f Ref) Release() {
	if r := f.lock(); r != nil {
		if r = r.release(f); r != nil {
			r.mu.Unlock()
		}
	}
}

// release is Release for a caller who holds the lock. It returns the record with the
// lock held, or nil if f has become stale.
func (r *Record) release(f Ref) *Record {
	if r.late != nil {
		r.late.Stop()
		r.late = nil
	}
	r.held = false
	if r.running || !r.pending() {
		return r
	}
	r.drain()
	return f.lock()
}

// Until sinks are told what is kept, at the latest.
const (
	maxAge  = time.Second
	maxHeld = 64 // events
)

// tellInTime is called when the operation f blocks, and may not go on for long. It sees
// to it that sinks are told of what is kept. The lock is held.
func (r *Record) tellInTime(f Ref) {
	n := len(r.queue) - r.first
	switch {
	case !r.held || r.running || !r.pending():
	case r.late == nil:
		r.late = time.AfterFunc(maxAge, func() {
			if r := f.lock(); r != nil {
				r.late = nil
				r.drain()
			}
		})
	case n > 0 && n%maxHeld == 0:
		r.late.Reset(0)
	}
}

// lastPending returns the last event that no sink has been told of yet; nil: none. The
// lock is held.
func (r *Record) lastPending() *event {
	switch n := len(r.queue); {
	case n > r.first:
		return &r.queue[n-1]
	case r.running || r.current.kind == nothing:
		return nil
	default:
		return &r.current
	}
}
