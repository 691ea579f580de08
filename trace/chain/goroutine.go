package chain

import (
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// IsGoroutine reports whether the span is a goroutine's. It lasts from the goroutine's
// start to its end or, if the goroutine lived on after the span was exported, to the
// export. IsGoroutine is false for the rest of such a life: see [Span.Rest].
func (s *Span) IsGoroutine() bool { return s.ofGoroutine() && !s.isRest() }

// ofGoroutine reports whether the span is a goroutine's or the rest of one. The program may
// have given it another name.
func (s *Span) ofGoroutine() bool {
	if _, ok := s.Attr(semconv.GoroutineStateKey); ok {
		return true
	}
	return s.Name != semconv.SpanStalled && s.Name != "" && s.Name == s.Str(semconv.GoroutineNameKey)
}

// isRest reports whether a goroutine's span continues its parent.
func (s *Span) isRest() bool {
	p := s.Parent
	if p == nil || p.proc != s.proc || !slices.ContainsFunc(s.Links, func(l Link) bool { return l.Span == p }) {
		return false
	}
	return p.Str(semconv.GoroutineStateKey) == string(semconv.StateRunning) && s.Str(semconv.GoroutineNameKey) == p.Str(semconv.GoroutineNameKey)
}

// Cited reports whether another span links to this one as to a cause. A goroutine's link,
// to its longest block or to its first span, does not count.
func (s *Span) Cited() bool {
	return slices.ContainsFunc(s.LinkedFrom, func(from *Span) bool { return !from.ofGoroutine() })
}

// Rest returns the span with the rest of a goroutine's life, if s is the span of a
// goroutine that was exported while it ran. It is nil for every other span, and if the
// chain does not have it.
func (s *Span) Rest() *Span {
	// A hostile block or handshake may claim to be a goroutine: its partner is no rest.
	if s.partner == nil || s.partner.Parent != s || !s.ofGoroutine() {
		return nil
	}
	return s.partner
}

// Life returns, for the span of a goroutine, the span with its final state: itself or its
// [Span.Rest]. It is nil for every other span, and if the chain does not show how the
// goroutine ended.
func (s *Span) Life() *Span {
	if !s.IsGoroutine() {
		return nil
	}
	for _, life := range []*Span{s, s.Rest()} {
		if life == nil {
			continue
		}
		if state := life.Str(semconv.GoroutineStateKey); state != "" && state != string(semconv.StateRunning) {
			return life
		}
	}
	return nil
}

// Lived returns how long a goroutine lived, as far as the chain shows: from its start to
// the end of its last span. It is 0 for every other span, and if the last span has not
// ended.
func (s *Span) Lived() time.Duration {
	if !s.IsGoroutine() {
		return 0
	}
	last := s
	if rest := s.Rest(); rest != nil {
		last = rest
	}
	if last.End.IsZero() {
		return 0
	}
	return max(last.End.Sub(s.Start), 0)
}

// GoroutineName returns the name of the goroutine if the span is a goroutine's, otherwise
// the name of the span.
func (s *Span) GoroutineName() string {
	if name := s.Str(semconv.GoroutineNameKey); name != "" && s.ofGoroutine() {
		return name
	}
	return s.Name
}

// findRest sets the partner of a goroutine's span to its rest.
func (s *Span) findRest() {
	if s.Str(semconv.GoroutineStateKey) != string(semconv.StateRunning) {
		return
	}
	for _, c := range s.Children {
		if c.ofGoroutine() && c.isRest() {
			s.partner = c
			return
		}
	}
}
