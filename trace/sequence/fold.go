package sequence

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/internal/fold"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Siblings that would read the same are one item. Failures that differ in kind, check, code
// or text stay apart, and so do outliers, which were blocked much longer.
const (
	maxPeriod = 6 // the longest sequence that is recognised as repeating
	minRounds = 4 // how often a sequence of several must repeat

	// At least so many neighbours that repeat in no order are one item of each kind.
	minMingle = 24
	maxKinds  = 8
)

// item is a span, or equal spans.
type item struct {
	spans []*chain.Span
	loop  *Loop
}

// shapes finds which spans read the same.
type shapes struct {
	*fold.Folder[*chain.Span]
	b     *builder
	label []byte
}

// newShapes goes from the leaves up: in the chain every parent precedes its children.
func newShapes(b *builder) *shapes {
	sh := &shapes{
		Folder: fold.New(b.chain.Len(), func(s *chain.Span) int { return s.Seq }, weight, maxPeriod, minRounds), b: b,
	}
	if b.cfg.unfolded {
		return sh
	}
	var below []*chain.Span
	for _, s := range slices.Backward(b.chain.Spans) {
		sh.Mark(s.Children)
		below = below[:0]
		life, rest := s.Life(), s.Rest()
		for _, c := range s.Children {
			if c != rest && !tile(c) {
				below = append(below, c)
			}
		}
		sh.name(s, life)
		sh.Set(s, sh.label, below)
	}
	sh.Mark(b.chain.Roots)
	return sh
}

// name sets the label: the part of the span's row that is not a measured value.
func (sh *shapes) name(s, life *chain.Span) {
	sh.label = sh.label[:0]
	part := func(text string) { sh.label = append(append(sh.label, text...), 0) }
	number := func(n int) { sh.label = append(strconv.AppendInt(sh.label, int64(n), 10), 0) }
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
		if i == maxLinks || life != nil {
			break
		}
		if l.Span == nil {
			part("?")
			continue
		}
		part(l.Span.Name)
		number(sh.b.lanes[l.Span.Seq])
	}
	if life != nil {
		part(life.Str(semconv.GoroutineStateKey))
		fails(life)
	}
}

// unlike are the attributes that distinguish failures.
var unlike = []attribute.Key{
	semconv.ErrorTypeKey, semconv.HTTPResponseStatusCodeKey, semconv.WebSocketHandshakeCheckKey, semconv.WebSocketCloseCodeKey,
}

// withoutNumbers removes the digits from the text of an error: failures that differ only in
// a port or an offset are equal.
func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, text)
}

// maxLinks is how many links of a span are used.
const maxLinks = 4

// weight returns how long a goroutine lived, how long another span of wakechain was
// blocked, and how long any other span took.
func weight(s *chain.Span) time.Duration {
	if s.IsGoroutine() {
		return s.Lived()
	}
	if s.Scope == trace.ScopeName {
		return s.Blocked()
	}
	return s.Duration()
}

// fold groups siblings into items, in order.
func (sh *shapes) fold(siblings []*chain.Span) []item {
	var items []item
	if sh.b.cfg.unfolded {
		for i := range siblings {
			items = append(items, item{spans: siblings[i : i+1]})
		}
		return items
	}
	for len(siblings) > 0 {
		period, rounds := sh.Repeat(siblings)
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

// mingle makes one item of each kind among many neighbours that repeat in no order, such as
// two goroutines' reads and writes below one span.
func (sh *shapes) mingle(items []item) []item {
	var all []item
	for len(items) > 0 {
		n := 0
		var spans []*chain.Span
		for n < len(items) && items[n].loop == nil && len(items[n].spans) < minMingle && !sh.Outlier(items[n].spans[0]) {
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

// merge makes one item of each kind among spans, whatever their order.
func (sh *shapes) merge(spans []*chain.Span, loop *Loop) []item {
	var items []item
	for _, group := range sh.Merge(spans, true) {
		items = append(items, item{spans: group, loop: loop})
	}
	return items
}

// below returns the items below an item.
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

// shown returns the siblings that have rows of their own. Blocks and wakes are part of
// other rows. A hidden span, or the rest of a goroutine, is replaced by its children.
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
