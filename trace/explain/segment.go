package explain

import (
	"strings"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
)

// goesOn reports whether the span is in another trace than the connection it is
// of, and links to that: a segment, an operation below one, or a message with a
// trace of its own.
func goesOn(s *chain.Span) bool {
	return s.Name == trace.SpanSegment || operation(s) && (s.Parent == nil || s.Parent.Name == trace.SpanSegment)
}

// follow returns the scope of a span that goes on in another trace: that of the
// handshake and of the goroutine that it links to.
func follow(s *chain.Span, sc *scope, ends []*end) *scope {
	on := &scope{outer: sc, client: sc.client, runner: sc.runner}
	for _, l := range s.Links {
		switch {
		case l.Span == nil:
		case l.Span.Name == trace.SpanHandshake:
			on.below = ends[l.Span.Seq]
		case strings.HasPrefix(l.Span.Name, trace.SpanGo):
			on.runner = l.Span
		}
	}
	if s.Name == trace.SpanSegment && on.below != nil && suppressed(s) {
		on.below.gap, on.below.hidden = true, true
	}
	return on
}

// suppressed reports whether spans were left out before s.
func suppressed(s *chain.Span) bool { return s.Int(trace.SpansSuppressedKey) > 0 }
