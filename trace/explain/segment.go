package explain

import (
	"strings"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// goesOn reports whether the span is in another trace than the connection it is
// of, and links to that: a segment, an operation below one, or a message with a
// trace of its own.
func goesOn(s *chain.Span) bool {
	return s.Name == semconv.SpanSegment || operation(s) && (s.Parent == nil || s.Parent.Name == semconv.SpanSegment)
}

// follow returns the scope of a span that goes on in another trace: that of the
// handshake and of the goroutine that it links to.
func follow(s *chain.Span, sc *scope, ends []*end) *scope {
	on := &scope{outer: sc, client: sc.client, runner: sc.runner}
	for _, l := range s.Links {
		switch {
		case l.Span == nil:
		case l.Span.Name == semconv.SpanHandshake:
			on.below = ends[l.Span.Seq]
		case strings.HasPrefix(l.Span.Name, semconv.SpanGo):
			on.runner = l.Span
		}
	}
	if s.Name == semconv.SpanSegment && on.below != nil && suppressed(s) {
		on.below.gap, on.below.hidden = true, true
	}
	return on
}

// suppressed reports whether spans were left out before s.
func suppressed(s *chain.Span) bool { return s.Int(semconv.SpansSuppressedKey) > 0 }
