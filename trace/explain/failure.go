package explain

import (
	"strings"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// failureOf returns how a span failed: the kind of the error, and its text if that adds
// something. It returns "" if the trace has neither.
func failureOf(s *chain.Span) string {
	typ, why := s.Str(semconv.ErrorTypeKey), ""
	if s.Failed() {
		why = lastWords(s.Status.Description)
	}
	switch {
	case why == "" && typ == semconv.ErrorOther:
		return "an error of no kind"
	case why == "" || why == typ || plainErrors[typ]:
		return plain(typ)
	case typ == "" || typ == semconv.ErrorOther:
		return why
	default:
		return plain(typ) + " (" + why + ")"
	}
}

// plainErrors are the kinds of errors whose text adds nothing.
var plainErrors = map[string]bool{
	semconv.ErrorConnectionReset: true, semconv.ErrorBrokenPipe: true, semconv.ErrorUnexpectedEOF: true,
	semconv.ErrorDeadlineExceeded: true, semconv.ErrorCanceled: true, "close_now": true,
}

// goneErrors are the kinds of errors of an operation whose connection is gone.
var goneErrors = map[string]bool{
	semconv.ErrorConnectionReset: true, semconv.ErrorBrokenPipe: true, semconv.ErrorUnexpectedEOF: true, semconv.ErrorClosed: true,
}

// lastWords returns the end of an error's text, which in Go is the cause. It removes parts
// before a colon until the text has at most maxText characters, unless a single word would
// remain: that is a value ("true:false:false"), and means nothing without the part before.
func lastWords(said string) string {
	said = strings.TrimSpace(said)
	for utf8.RuneCountInString(said) > maxText {
		_, rest, ok := strings.Cut(said, ": ")
		if !ok || !strings.Contains(strings.TrimSpace(rest), " ") {
			break
		}
		said = rest
	}
	return plain(said)
}
