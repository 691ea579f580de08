package chain

import (
	"bytes"
	"cmp"
	"iter"
	"math"
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

type builder struct {
	chain *Chain
	all   []*Span // without repeats, in order of arrival
	procs *processes
}

// take adds all n spans, which the builder owns from then on, and drops repeated
// deliveries.
func (b *builder) take(parts iter.Seq[[]Span], n int) {
	b.all = make([]*Span, 0, n)
	b.chain.index = make(map[id][]*Span, n)
	b.procs = newProcesses()
	heads := make([]*Span, n) // backs the index entries of ids that one span has
	seen := make(map[delivery]bool)
	i := -1
	for part := range parts {
		for j := range part {
			i++
			s := &part[j]
			s.Parent, s.Children, s.LinkedFrom, s.Seq = nil, nil, nil, 0
			s.runner, s.conn, s.partner = nil, nil, nil
			s.Links = slices.Clone(s.Links)
			// Monotonic readings of different processes do not compare, and some
			// spans have none.
			s.Start, s.End = s.Start.Round(0), s.End.Round(0)
			b.procs.assign(s)
			if s.SpanID.IsValid() {
				key := id{s.TraceID, s.SpanID}
				same := b.chain.index[key]
				switch len(same) {
				case 0:
					heads[i] = s
					same = heads[i : i+1 : i+1]
				case 1:
					seen[deliveryOf(same[0])] = true
					fallthrough
				default:
					d := deliveryOf(s)
					if seen[d] {
						b.chain.Repeats++
						continue
					}
					seen[d] = true
					same = append(same, s)
				}
				b.chain.index[key] = same
			}
			b.all = append(b.all, s)
		}
	}
}

// delivery is a key that distinguishes a span delivered twice from two spans with one id.
type delivery struct {
	id         id
	parent     oteltrace.SpanID
	name       string
	kind       oteltrace.SpanKind
	proc       int32
	start, end int64
}

func deliveryOf(s *Span) delivery {
	return delivery{id{s.TraceID, s.SpanID}, s.ParentID, s.Name, s.Kind, s.proc, nanos(s.Start), nanos(s.End)}
}

// resolve finds parents and the targets of links.
func (b *builder) resolve() {
	for _, same := range b.chain.index {
		if len(same) > 1 {
			slices.SortStableFunc(same, func(x, y *Span) int {
				return cmp.Or(x.Start.Compare(y.Start), x.End.Compare(y.End), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
			})
		}
	}
	for _, s := range b.all {
		if s.ParentID.IsValid() {
			s.Parent = b.owner(id{s.TraceID, s.ParentID}, s)
		}
		for i := range s.Links {
			l := &s.Links[i]
			l.Span = nil
			if l.SpanContext.SpanID().IsValid() {
				l.Span = b.owner(id{l.SpanContext.TraceID(), l.SpanContext.SpanID()}, s)
			}
		}
	}
}

// owner returns the span that from means by key, or nil if there is none.
func (b *builder) owner(key id, from *Span) *Span {
	same := b.chain.index[key]
	if len(same) == 0 {
		return nil
	}
	for i, s := range same {
		if i == maxOwners {
			break
		}
		if s.proc == from.proc && s != from {
			return s
		}
	}
	if same[0] == from && len(same) > 1 {
		return same[1]
	}
	return same[0]
}

// maxOwners limits the search among spans that share an id, so that a trace with a single
// id takes no quadratic time. In Zipkin's model two spans share one.
const maxOwners = 8

// cut removes the cycles among parents: the earliest span of each becomes a root.
func (b *builder) cut() {
	const (
		unseen = iota
		onPath
		done
	)
	for i, s := range b.all {
		s.Seq = i // the order of arrival, until order sets it; it indexes state
	}
	state := make([]byte, len(b.all))
	var path []*Span
	for _, s := range b.all {
		path = path[:0]
		p := s
		for ; p != nil && state[p.Seq] == unseen; p = p.Parent {
			state[p.Seq] = onPath
			path = append(path, p)
		}
		if p != nil && state[p.Seq] == onPath {
			cycle := path[slices.Index(path, p):]
			slices.MinFunc(cycle, earlier).Parent = nil
		}
		for _, q := range path {
			state[q.Seq] = done
		}
	}
}

// earlier compares by start, then by ids. The order of arrival decides only between
// duplicates.
func earlier(x, y *Span) int {
	return cmp.Or(x.Start.Compare(y.Start), bytes.Compare(x.TraceID[:], y.TraceID[:]),
		bytes.Compare(x.SpanID[:], y.SpanID[:]), cmp.Compare(x.Seq, y.Seq))
}

// nanos returns t in nanoseconds since 1970, saturated if they do not fit. They compare
// faster than a time.Time.
func nanos(t time.Time) int64 {
	switch sec := t.Unix(); {
	case sec <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	case sec >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	default:
		return t.UnixNano()
	}
}
