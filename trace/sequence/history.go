package sequence

import (
	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// history describes the last messages of a connection that was not sampled, from the span
// of its stall, and whether nobody was reading. It returns nil if the span has no history.
func history(s *chain.Span) (details []string) {
	if _, known := s.Away(); known {
		details = append(details, "not reading")
	}
	received, sent := s.History()
	for _, side := range []struct {
		verb string
		all  []chain.Passed
	}{{"received ", received}, {"sent ", sent}} {
		var last *chain.Passed
		n := 0
		for i := range side.all {
			if p := &side.all[i]; p.At <= 0 {
				last = p
				n += p.Like
			}
		}
		if last == nil {
			continue
		}
		d := side.verb
		if n > 1 {
			d += text.Number(n) + ", last "
		}
		d += short(last.Kind) + " " + text.Bytes(float64(last.Size))
		if last.At < 0 {
			d += " " + human(-last.At) + " before"
		}
		details = append(details, d)
	}
	return details
}
