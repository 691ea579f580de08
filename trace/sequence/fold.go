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

// Siblings that would read the same are one item. What is worth a look of its own
// stays apart: failures that differ in kind, check, code or text, and outliers, by how
// long they were blocked.
const (
	maxPeriod = 6 // the longest sequence that is recognised as repeating
	minRounds = 4 // how often a sequence of several repeats

	// From so many neighbours on that repeat in no order, each kind is an item.
	minMingle = 24
	maxKinds  = 8
)

// item is a span, or spans alike.
type item struct {
	spans []*chain.Span
	loop  *Loop
}

// shapes says which spans look alike.
type shapes struct {
	*fold.Folder[*chain.Span]
	b     *builder
	label []byte
}

// newShapes goes up from the leaves: the chain has every parent before its
// children.
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

// name sets the label to what a row says of the span in fixed words.
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

// maxLinks is how many links of a span count.
const maxLinks = 4

// weight is how long a span was blocked; how long it took, if it is none of
// wakechain's, and the life of a goroutine.
func weight(s *chain.Span) time.Duration {
	if s.IsGoroutine() {
		return s.Lived()
	}
	if s.Scope == trace.ScopeName {
		return s.Blocked()
	}
	return s.Duration()
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

// mingle makes one item of each kind among many neighbours that come in no order
// that repeats: two goroutines' reads and writes, say, below one span.
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
