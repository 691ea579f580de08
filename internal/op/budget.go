package op

import "sync/atomic"

// Budget limits the spans that operations that belong together, such as those of a
// connection, have in one trace. It counts the spans that were suppressed.
//
// When it is used up, operations still have spans, since only their caller can continue
// in another trace, but their blocks have none. So a single operation cannot grow a
// trace without bound.
//
// Methods are safe for concurrent use. A nil Budget has no limit, and counts nothing.
type Budget struct {
	bound      int64
	made       atomic.Int64
	suppressed atomic.Int64  // of this budget
	unstated   *atomic.Int64 // suppressed and not yet stated on a span, of this budget and those before
}

// NewBudget returns a Budget of n spans; n <= 0 means no limit.
func NewBudget(n int) *Budget { return &Budget{bound: int64(n), unstated: new(atomic.Int64)} }

// Next returns the Budget of the next trace, of n spans. Both state what was suppressed
// before.
func (b *Budget) Next(n int) *Budget { return &Budget{bound: int64(n), unstated: b.unstated} }

// Spend counts n spans.
func (b *Budget) Spend(n int) {
	if b != nil {
		b.made.Add(int64(n))
	}
}

// Spent reports whether the budget is used up.
func (b *Budget) Spent() bool { return b != nil && b.bound > 0 && b.made.Load() >= b.bound }

// Wanted returns how many spans there would be if none had been suppressed.
func (b *Budget) Wanted() int64 {
	if b == nil {
		return 0
	}
	return b.made.Load() + b.suppressed.Load()
}

// Suppressed returns how many spans were suppressed since its last call.
func (b *Budget) Suppressed() int64 {
	if b == nil || b.unstated.Load() == 0 {
		return 0
	}
	return b.unstated.Swap(0)
}

// Restate returns n suppressed spans to the count: the span that was to state them is
// not recorded.
func (b *Budget) Restate(n int64) {
	if b != nil && n > 0 {
		b.unstated.Add(n)
	}
}

// Take counts n spans, and reports whether the budget allows them; if not, it counts
// none.
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

// Suppress counts n spans that were suppressed.
func (b *Budget) Suppress(n int) {
	if b != nil && n > 0 {
		b.suppressed.Add(int64(n))
		b.unstated.Add(int64(n))
	}
}
