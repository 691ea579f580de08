package op

import (
	"time"

	"github.com/wakechain/wakechain/internal/live"
)

// The methods that package live calls. Without a viewer they cost nothing.

// Describe describes what the operation does now, in the memory of report; nil for a
// stale Ref. It does not wait for a sink.
func (f Ref) Describe(report *live.Report) *live.Call {
	r := f.lock()
	if r == nil {
		return nil
	}
	defer r.mu.Unlock()
	c := report.NewCall()
	c.Op, c.Operation, c.Began = f, r.Name, r.Start
	if r.Owner != nil {
		c.Task = r.Owner.Key()
	}
	if r.state == blocked {
		c.Wait = &report.NewWaits(1)[0]
		c.Wait.Op, c.Wait.Operation, c.Wait.Reason = f, r.Name, r.block.Reason
		c.Wait.Since, c.Wait.On = r.Start.Add(r.block.At), r.On
		if r.span != nil {
			c.Wait.Span = r.span.SpanContext()
		}
	}
	return c
}

// BlockedSince reports whether the operation is in a block that began at since.
func (f Ref) BlockedSince(since time.Time) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	defer r.mu.Unlock()
	return r.state == blocked && r.Start.Add(r.block.At).Equal(since)
}
