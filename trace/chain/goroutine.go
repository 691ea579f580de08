package chain

import (
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// IsGoroutine reports whether the span is a goroutine's: NAME, from its start to its
// end or, of one that lived on after that span was exported, until then. The rest of
// such a life is [Span.Rest], and for that it is false.
func (s *Span) IsGoroutine() bool { return s.ofGoroutine() && !s.isRest() }

// ofGoroutine reports whether the span is a goroutine's or the rest of it. The program
// may have given it another name.
func (s *Span) ofGoroutine() bool {
	if _, ok := s.Attr(semconv.GoroutineStateKey); ok {
		return true
	}
	return s.Name != semconv.SpanStalled && s.Name != "" && s.Name == s.Str(semconv.GoroutineNameKey)
}

// isRest reports whether a goroutine's span continues its parent's story.
func (s *Span) isRest() bool {
	p := s.Parent
	if p == nil || p.proc != s.proc || !slices.ContainsFunc(s.Links, func(l Link) bool { return l.Span == p }) {
		return false
	}
	return p.Str(semconv.GoroutineStateKey) == string(semconv.StateRunning) && s.Str(semconv.GoroutineNameKey) == p.Str(semconv.GoroutineNameKey)
}

// Cited reports whether another span has a link to this one that says what it caused: a
// goroutine's link to its longest block, or to its first span, does not.
func (s *Span) Cited() bool {
	return slices.ContainsFunc(s.LinkedFrom, func(from *Span) bool { return !from.ofGoroutine() })
}

// Rest returns, for the span of a goroutine that was exported while it ran, the span with
// the rest of its story. It is nil for every other span, and where the chain does not
// have it.
func (s *Span) Rest() *Span {
	// A hostile block or handshake may say that it is a goroutine: its partner is no rest.
	if s.partner == nil || s.partner.Parent != s || !s.ofGoroutine() {
		return nil
	}
	return s.partner
}

// Life returns, for the span of a goroutine, the span that says how it ended: itself,
// or its [Span.Rest]. It is nil for every other span, and while the goroutine still ran
// when the spans were collected.
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

// Lived returns how long a goroutine lived, as far as the chain has it: from its start to
// the end of its last span. It is 0 for every other span, and where that has not ended.
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

// GoroutineName returns the name of the goroutine whose span it is, and else the span's.
func (s *Span) GoroutineName() string {
	if name := s.Str(semconv.GoroutineNameKey); name != "" && s.ofGoroutine() {
		return name
	}
	return s.Name
}

// findRest notes the rest of a goroutine.
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
