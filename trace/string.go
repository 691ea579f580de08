package trace

import (
	"fmt"

	"github.com/wakechain/wakechain/trace/semconv"
)

// String returns the goroutine's name and state, as "worker (blocked)".
func (t *Task) String() string { return t.name + " (" + string(t.State()) + ")" }

// String returns the channel's name, length and capacity, as "jobs (2 of 8)".
func (c *Chan[T]) String() string {
	name := c.called()
	if name == "" {
		name = "chan"
	}
	return fmt.Sprintf("%s (%d of %d)", name, c.Len(), c.Cap())
}

// String returns the future's name and its state, as "user (pending)": pending, resolved
// or rejected.
func (f *Future[T]) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	name, state := f.name.String(), string(semconv.StatePending)
	switch {
	case !f.done:
	case f.err != nil:
		state = "rejected"
	default:
		state = string(semconv.WakeResolved)
	}
	if name == "" {
		name = "future"
	}
	return name + " (" + state + ")"
}
