package measure

import "math"

// extent is the minimum and the maximum of some values.
type extent struct{ min, max int64 }

var nothing = extent{math.MaxInt64, math.MinInt64}

func (e extent) empty() bool { return e == nothing }

func (e *extent) add(v extent) { e.min, e.max = min(e.min, v.min), max(e.max, v.max) }
