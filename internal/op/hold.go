package op

import "time"

// A caller that is about to enter code that holds locks holds the operation: a sink may
// run code of the program that waits for such a lock. Until Release or End, events are
// queued. If that takes long, another goroutine delivers them. It waits for nothing,
// and nothing waits for it.

// Hold queues events until Release.
func (f Ref) Hold() {
	if r := f.lock(); r != nil {
		r.held = true
		r.mu.Unlock()
	}
}

// Release delivers the queued events. Later ones are delivered immediately.
func (f Ref) Release() {
	if r := f.lock(); r != nil {
		if r = r.release(f); r != nil {
			r.mu.Unlock()
		}
	}
}

// release is Release for a caller that holds the lock. It returns the record with the
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

// Limits of the queue of a held operation.
const (
	maxHeldTime = time.Second
	maxHeld     = 64 // events
)

// deliverInTime is called when the operation f blocks, possibly for long. It ensures
// that queued events are delivered. The lock is held.
func (r *Record) deliverInTime(f Ref) {
	n := len(r.queue) - r.first
	switch {
	case !r.held || r.running || !r.pending():
	case r.late == nil:
		r.late = time.AfterFunc(maxHeldTime, func() {
			if r := f.lock(); r != nil {
				r.late = nil
				r.drain()
			}
		})
	case n >= maxHeld:
		r.late.Reset(0)
	}
}

// lastPending returns the last event that no sink has seen, or nil. The lock is held.
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
