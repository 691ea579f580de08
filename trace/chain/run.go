package chain

import (
	"cmp"
	"slices"

	"github.com/wakechain/wakechain/trace/semconv"
)

// IsRead reports whether the span is a read of a message or a run of reads.
func (s *Span) IsRead() bool { return s.Name == semconv.SpanRead || s.Name == semconv.SpanReads }

// IsWrite reports whether the span is a write of a message or a run of writes.
func (s *Span) IsWrite() bool { return s.Name == semconv.SpanWrite || s.Name == semconv.SpanWrites }

func (s *Span) isRun() bool { return s.Name == semconv.SpanReads || s.Name == semconv.SpanWrites }

// Messages returns how many messages a read or a write stands for: those of a run, 1 for an
// operation with a message, otherwise 0.
func (s *Span) Messages() int64 {
	switch {
	case s.isRun():
		return max(s.Int(semconv.WebSocketRunMessagesKey), 1)
	case (s.IsRead() || s.IsWrite()) && s.Int(semconv.WebSocketMessageIndexKey) > 0:
		return 1
	default:
		return 0
	}
}

// Indexes returns the indexes of the first and the last message that a read, a write or a
// run stands for, in their direction and from 1. They are 0 if the span has none.
func (s *Span) Indexes() (first, last int64) {
	if i := s.Int(semconv.WebSocketMessageIndexKey); i > 0 {
		return i, i
	}
	return s.Int(semconv.WebSocketRunFirstKey), s.Int(semconv.WebSocketRunLastKey)
}

// Has reports whether the span stands for the message with that index.
func (s *Span) Has(index int64) bool {
	first, last := s.Indexes()
	return index > 0 && first <= index && index <= last
}

// resolveRuns corrects links from reads to runs of writes. The peer names the run of a
// message before it sends the message, which is then part of the run unless it stalls or
// fails. In that case it has a span of its own, and the link must point to that. A run of
// reads may have several messages for which the peer named one run: its link points to the
// write that left the run.
func (b *builder) resolveRuns() {
	var writes map[writer][]*Span
	for _, s := range b.all {
		read := s
		if s.Is(semconv.SpanWake) {
			read = s.Parent
		}
		if read == nil || !read.IsRead() || len(s.Links) == 0 {
			continue
		}
		index, last := read.Indexes()
		for i := range s.Links {
			to := s.Links[i].Span
			if index == 0 || to == nil || !to.IsWrite() || ownSide(to, read) {
				continue
			}
			if first, end := to.Indexes(); first == 0 || first <= last && index <= end {
				continue
			}
			if writes == nil {
				writes = b.writes()
			}
			if of := writes[writerOf(to)]; read.isRun() {
				s.Links[i].Span = leaving(of, to, index, last)
			} else {
				s.Links[i].Span = find(of, index)
			}
		}
	}
}

// ownSide reports whether two spans are on the same end of a connection.
func ownSide(x, y *Span) bool { return writerOf(x) == writerOf(y) }

// writer is one end of a connection.
type writer struct {
	proc int32
	id   string
}

func writerOf(s *Span) writer { return writer{s.proc, s.Str(semconv.WebSocketConnectionIDKey)} }

// writes returns the writes of each end, in the order of their messages.
func (b *builder) writes() map[writer][]*Span {
	all := make(map[writer][]*Span)
	for _, s := range b.all {
		if _, last := s.Indexes(); s.IsWrite() && last > 0 {
			all[writerOf(s)] = append(all[writerOf(s)], s)
		}
	}
	for _, of := range all {
		slices.SortStableFunc(of, func(x, y *Span) int {
			_, xl := x.Indexes()
			_, yl := y.Indexes()
			return cmp.Compare(xl, yl)
		})
	}
	return all
}

// find returns the write of the message, or nil if there is none.
func find(writes []*Span, index int64) *Span {
	if i := position(writes, index); i < len(writes) && writes[i].Has(index) {
		return writes[i]
	}
	return nil
}

// leaving returns the write of one of the messages first to last that left the run: it has
// a span of its own, with a link to the run. It returns nil if there is none.
func leaving(writes []*Span, run *Span, first, last int64) *Span {
	for _, s := range writes[position(writes, first):] {
		if at, _ := s.Indexes(); at > last {
			return nil
		}
		if !s.isRun() && slices.ContainsFunc(s.Links, func(l Link) bool { return l.Span == run }) {
			return s
		}
	}
	return nil
}

// position returns the index of the write of the message, or where it would be.
func position(writes []*Span, index int64) int {
	i, _ := slices.BinarySearchFunc(writes, index, func(s *Span, index int64) int {
		_, last := s.Indexes()
		return cmp.Compare(last, index)
	})
	return i
}
