package sequence

import (
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// notOver is the duration of a block that is not over.
const notOver time.Duration = 1<<63 - 1

// stalled draws blocks that spans named stalled report and that do not end in the chain: as
// a bar from the start of the first one to the end of the diagram, and a row at the time at
// which the last one was observed. For other blocks the chain has the block itself, or the
// end of its operation.
func (b *builder) stalled(it item) {
	var open []*chain.Span
	var since, longest time.Duration
	for _, s := range it.spans {
		if at, ok := s.StillBlocked(); ok {
			if began := b.at(at); len(open) == 0 || began < since {
				since = began
			}
			longest = max(longest, s.Start.Sub(at))
			open = append(open, s)
		}
	}
	if len(open) == 0 {
		return
	}
	first, last := open[0], open[len(open)-1]
	reason := first.Str(semconv.BlockReasonKey)
	bar := b.row(Block, open, short(reason), short(first.Str(semconv.BlockCauseKey)))
	bar.At, bar.End, bar.Name = since, since, "blocked, not over"
	if op := first.Str(semconv.StalledOperationKey); op != "" {
		bar.Name = short(op) + " · " + bar.Name
	}
	bar.Reason, bar.Blocked, bar.longest = reason, longest, notOver
	seen := b.row(Step, open)
	seen.At, seen.Name = b.at(last.Start), "still blocked after "+human(longest)
	if by := last.Str(semconv.StalledHolderKey); by != "" {
		seen.Details = append(seen.Details, "held by "+short(by))
	}
	if reader := last.Str(semconv.StalledReaderKey); reader != "" {
		seen.Details = append(seen.Details, "reader: "+short(reader))
	}
	seen.seq = last.Seq
	b.d.Rows = append(b.d.Rows, bar, seen)
}
