package op

import "sync/atomic"

// Budget is what one trace may have of the spans of operations that belong together,
// such as those of a connection, and counts what was left out.
//
// Where it is used up, operations go on to have spans, since only whoever starts them
// knows a trace to go on in, but their blocks have none: so that one operation alone
// does not make a trace that grows for ever.
//
// Methods are safe for concurrent use. A nil Budget is no bound, and counts nothing.
type Budget struct {
	bound      int64
	made       atomic.Int64
	suppressed atomic.Int64  // left out, of this budget
	unstated   *atomic.Int64 // left out and not yet stated on a span, of this and those before
}

// NewBudget returns a Budget of n spans; n <= 0 is no bound.
func NewBudget(n int) *Budget { return &Budget{bound: int64(n), unstated: new(atomic.Int64)} }

// Next returns the Budget of the trace that follows, of n spans. What was left out
// before is stated in either.
func (b *Budget) Next(n int) *Budget { return &Budget{bound: int64(n), unstated: b.unstated} }

// Spend counts n spans that were made.
func (b *Budget) Spend(n int) {
	if b != nil {
		b.made.Add(int64(n))
	}
}

// Spent reports whether the budget is used up.
func (b *Budget) Spent() bool { return b != nil && b.bound > 0 && b.made.Load() >= b.bound }

// Wanted returns how many spans there would be if none had been left out.
func (b *Budget) Wanted() int64 {
	if b == nil {
		return 0
	}
	return b.made.Load() + b.suppressed.Load()
}

// Suppressed returns how many spans were left out since it was called last.
func (b *Budget) Suppressed() int64 {
	if b == nil || b.unstated.Load() == 0 {
		return 0
	}
	return b.unstated.Swap(0)
}

// Restate has n spans that were left out be stated again: the span that was to state
// them is not recorded.
func (b *Budget) Restate(n int64) {
	if b != nil && n > 0 {
		b.unstated.Add(n)
	}
}

// Take takes n spans, and reports whether as many were left.
func (b *Budget) Take(n int64) bool {
	if b == nil {
		return true
	}
	if b.made.Add(n) > b.bound && b.bound > 0 {
		b.made.Add(-n)
		return false
	}
	return true
}

// Leave counts n spans that were left out.
func (b *Budget) Suppress(n int) {
	if b != nil && n > 0 {
		b.suppressed.Add(int64(n))
		b.unstated.Add(int64(n))
	}
}
