package sequence

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Siblings that would read the same are one item. What is worth a look of its
// own stays apart: failures that differ in kind, check, code or text, and outliers.
const (
	minFold   = 3 // how many neighbours make a fold
	minRounds = 4 // how often a sequence of several repeats
	maxPeriod = 6 // the longest sequence that is recognised as repeating

	// From so many neighbours on that repeat in no order, each kind is an item.
	minMingle = 24
	maxKinds  = 8

	// A span is an outlier if it was blocked for outlierMin or longer, and more
	// than outlierFactor times the median of its like among its siblings.
	outlierMin    = 10 * time.Millisecond
	outlierFactor = 10
	maxOutliers   = 16
)

// item is a span, or spans alike.
type item struct {
	spans []*chain.Span
	loop  *Loop
}

// shapes says which spans look alike.
type shapes struct {
	b       *builder
	seed    maphash.Seed
	shape   []uint64
	outlier []bool
}

// newShapes goes up from the leaves: the chain has every parent before its
// children.
func newShapes(b *builder) *shapes {
	n := b.chain.Len()
	sh := &shapes{b: b, seed: maphash.MakeSeed(), shape: make([]uint64, n), outlier: make([]bool, n)}
	if b.cfg.unfolded {
		return sh
	}
	for _, s := range slices.Backward(b.chain.Spans) {
		sh.mark(s.Children)
		sh.shape[s.Seq] = sh.of(s)
	}
	sh.mark(b.chain.Roots)
	return sh
}

// of hashes what a row says of the span in fixed words, and the different shapes
// below it.
func (sh *shapes) of(s *chain.Span) uint64 {
	var h maphash.Hash
	h.SetSeed(sh.seed)
	part := func(text string) {
		h.WriteString(text)
		h.WriteByte(0)
	}
	number := func(n int) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	part(s.Name)
	number(sh.b.lanes[s.Seq])
	part(s.Str(semconv.URLPathKey))
	fails := func(s *chain.Span) {
		number(int(s.Status.Code))
		for _, key := range unlike {
			part(s.Str(key))
		}
		part(withoutNumbers(s.Status.Description))
	}
	fails(s)
	part(strconv.FormatBool(s.End.IsZero()))
	if _, ok := s.Stalled(); ok {
		_, open := s.StillBlocked()
		part(strconv.FormatBool(open))
		part(s.Str(semconv.StalledOperationKey))
		part(s.Str(semconv.BlockReasonKey))
		part(s.Str(semconv.BlockCauseKey))
	}
	for i, l := range s.Links {
		if i == maxLinks {
			break
		}
		if l.Span == nil {
			part("?")
			continue
		}
		part(l.Span.Name)
		number(sh.b.lanes[l.Span.Seq])
	}
	life := s.Life()
	if life != nil {
		part(life.Str(semconv.GoroutineStateKey))
		fails(life)
	}
	var below []uint64
	for _, c := range s.Children {
		if c == life || tile(c) {
			continue
		}
		if shape := sh.shape[c.Seq]; !slices.Contains(below, shape) && len(below) < maxBelow {
			below = append(below, shape)
			number(int(shape))
		}
	}
	return h.Sum64()
}

// unlike are the attributes that tell failures apart.
var unlike = []attribute.Key{
	semconv.ErrorTypeKey, semconv.HTTPResponseStatusCodeKey, semconv.WebSocketHandshakeCheckKey, semconv.WebSocketCloseCodeKey,
}

// withoutNumbers leaves the digits out of the text of an error: a port or an offset
// makes no failure another one.
func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
}

const (
	maxLinks = 4  // of a span that count
	maxBelow = 64 // different shapes below a span that count
)

// mark finds the outliers among siblings.
func (sh *shapes) mark(siblings []*chain.Span) {
	if len(siblings) < minFold || !slices.ContainsFunc(siblings, func(s *chain.Span) bool { return weight(s) >= outlierMin }) {
		return
	}
	alike := make(map[uint64][]*chain.Span)
	for _, s := range siblings {
		alike[sh.shape[s.Seq]] = append(alike[sh.shape[s.Seq]], s)
	}
	for _, group := range alike {
		// Where there are many outliers, they are normal here, and only those count
		// that are outliers among them.
		for len(group) >= minFold {
			limit := max(outlierMin, outlierFactor*median(group))
			outliers := slices.DeleteFunc(slices.Clone(group), func(s *chain.Span) bool { return weight(s) < limit })
			if len(outliers) == len(group) {
				break
			}
			if len(outliers) <= maxOutliers {
				for _, s := range outliers {
					sh.outlier[s.Seq] = true
				}
				break
			}
			group = outliers
		}
	}
}

// weight is how long a span was blocked; how long it took, if it is none of
// wakechain's, and the life of a goroutine.
func weight(s *chain.Span) time.Duration {
	if life := s.Life(); life != nil {
		return life.Duration()
	}
	if s.Scope == trace.ScopeName {
		return s.Blocked()
	}
	return s.Duration()
}

// median returns the lower one, saturated so that a multiple of it fits.
func median(group []*chain.Span) time.Duration {
	ds := make([]time.Duration, len(group))
	for i, s := range group {
		ds[i] = weight(s)
	}
	slices.Sort(ds)
	return min(ds[(len(ds)-1)/2], (1<<63-1)/outlierFactor)
}

// fold makes the items of siblings in order.
func (sh *shapes) fold(siblings []*chain.Span) []item {
	var items []item
	if sh.b.cfg.unfolded {
		for i := range siblings {
			items = append(items, item{spans: siblings[i : i+1]})
		}
		return items
	}
	for len(siblings) > 0 {
		period, rounds := sh.repeat(siblings)
		n := period * rounds
		if period == 1 {
			items = append(items, item{spans: siblings[:n]})
		} else {
			items = append(items, sh.merge(siblings[:n], &Loop{Rounds: rounds})...)
		}
		siblings = siblings[n:]
	}
	return sh.mingle(items)
}

// mingle makes one item of each kind among many neighbours that come in no order
// that repeats: two goroutines' reads and writes, say, below one span.
func (sh *shapes) mingle(items []item) []item {
	var all []item
	for len(items) > 0 {
		n := 0
		var spans []*chain.Span
		for n < len(items) && items[n].loop == nil && len(items[n].spans) < minMingle && !sh.outlier[items[n].spans[0].Seq] {
			spans = append(spans, items[n].spans...)
			n++
		}
		if n >= minMingle {
			if merged := sh.merge(spans, nil); len(merged) <= maxKinds {
				all, items = append(all, merged...), items[n:]
				continue
			}
		}
		n = max(n, 1)
		all, items = append(all, items[:n]...), items[n:]
	}
	return all
}

// repeat returns the sequence at the beginning of siblings that covers the most
// by repeating, as its length and how often it comes.
func (sh *shapes) repeat(siblings []*chain.Span) (period, rounds int) {
	period, rounds = 1, 1
	for p := 1; p <= maxPeriod; p++ {
		n := 0
		for n < len(siblings) && sh.same(siblings[n], siblings[n%p]) {
			n++
		}
		least := minFold
		if p > 1 {
			least = minRounds
		}
		if r := n / p; r >= least && r*p > period*rounds {
			period, rounds = p, r
		}
	}
	return period, rounds
}

// same reports whether two siblings may be folded. Outliers never are.
func (sh *shapes) same(x, y *chain.Span) bool {
	return x == y || sh.shape[x.Seq] == sh.shape[y.Seq] && !sh.outlier[x.Seq] && !sh.outlier[y.Seq]
}

// merge makes one item of each shape among spans, whatever their order.
func (sh *shapes) merge(spans []*chain.Span, loop *Loop) []item {
	type class struct {
		shape uint64
		apart int // Seq+1 of an outlier
	}
	var items []item
	at := make(map[class]int)
	for _, s := range spans {
		c := class{shape: sh.shape[s.Seq]}
		if sh.outlier[s.Seq] {
			c.apart = s.Seq + 1
		}
		i, ok := at[c]
		if !ok {
			i = len(items)
			at[c] = i
			items = append(items, item{loop: loop})
		}
		items[i].spans = append(items[i].spans, s)
	}
	return items
}

// below returns the items under one.
func (sh *shapes) below(it item) []item {
	if len(it.spans) == 1 {
		return sh.fold(sh.b.shown(it.spans[0].Children))
	}
	var all []*chain.Span
	for _, s := range it.spans {
		all = append(all, sh.b.shown(s.Children)...)
	}
	return sh.merge(all, nil)
}

// shown returns those of siblings that have rows of their own: lives and tiles
// are part of others' rows, and of what the filters hide, what is below.
func (b *builder) shown(siblings []*chain.Span) []*chain.Span {
	var shown []*chain.Span
	queue := slices.Clone(siblings)
	for i := 0; i < len(queue); i++ {
		switch s := queue[i]; {
		case tile(s):
		case b.lives[s.Seq], b.lanes[s.Seq] == None:
			queue = append(queue, s.Children...)
		default:
			shown = append(shown, s)
		}
	}
	if len(queue) > len(siblings) {
		slices.SortFunc(shown, func(x, y *chain.Span) int { return x.Seq - y.Seq })
	}
	return shown
}
