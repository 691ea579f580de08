package sequence

import (
	"slices"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// addAbsent adds lifelines for peers that are not in the chain, named by their addresses,
// so that arrows to them have an end. If there are too many, they share one. If there is no
// room, there are none.
func (b *builder) addAbsent(hidden []bool) {
	var addresses []string
	seen := make(map[string]bool)
	of := make(map[*chain.Connection]string)
	for _, s := range b.chain.Spans {
		c := s.Connection()
		if c == nil || c.Peer != nil || hidden[s.Seq] || of[c] != "" {
			continue
		}
		if at := c.PeerAddress(); at != "" {
			of[c] = at
			if !seen[at] {
				seen[at] = true
				addresses = append(addresses, at)
			}
		}
	}
	room := b.cfg.lifelines - len(b.d.Lifelines)
	if room <= 0 || len(addresses) == 0 {
		return
	}
	first := len(b.d.Lifelines)
	b.absent = make(map[*chain.Connection]int, len(of))
	if len(addresses) > min(room, maxAbsent) {
		b.d.Lifelines = append(b.d.Lifelines, Lifeline{Service: "peers", Name: text.Number(len(addresses)) + " that are not in the trace", Absent: true})
		for c := range of {
			b.absent[c] = first
		}
		return
	}
	for _, at := range addresses {
		b.d.Lifelines = append(b.d.Lifelines, Lifeline{Service: "peer", Name: short(at), Absent: true})
	}
	for c, at := range of {
		b.absent[c] = first + slices.Index(addresses, at)
	}
}

// maxAbsent is the maximum number of peers outside the trace that have lifelines of their
// own.
const maxAbsent = 3
