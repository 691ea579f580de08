package explain_test

import (
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// The end of a Go error's text is taken as its cause.
func TestLastWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"failed to get reader: failed to read: received header with unexpected rsv bits set: true": "received header with unexpected rsv bits set: true",
		"": "", "boom": "boom", "a: b": "a: b",
		"failed to WebSocket dial: failed to send handshake request: Get \"http://x\": dial tcp 127.0.0.1:1: connect: connection refused": "dial tcp 127.0.0.1:1: connect: connection refused",
		"x\x1b[2J":                  `x\x1b[2J`,
		strings.Repeat("long ", 20): strings.Repeat("long ", 12) + "…",
	} {
		if got := explain.LastWords(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A finding has an error's text if the error's type says less.
func TestTextsOfErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typ, text, want string }{
		{semconv.ErrorOther, "out of stock", "shop's work failed: out of stock"},
		{semconv.ErrorOther, "", "shop's work failed: an error of no kind"},
		{semconv.ErrorClosed, "use of closed network connection", "shop's work failed: closed (use of closed network connection)"},
		{semconv.ErrorConnectionReset, "read tcp 127.0.0.1:1: connection reset by peer", "shop's work failed: connection_reset"},
		{"1008", "received close frame: StatusPolicyViolation", "shop's work failed: 1008 (received close frame: StatusPolicyViolation)"},
	} {
		var s script
		_, life := s.as("shop").run(0, "work", 0, 100, semconv.StateFailed)
		s.at(s.fail(life, tt.typ)).Status.Description = tt.text
		if found := s.explain(); len(found) != 1 || found[0].Headline != tt.want {
			t.Errorf("%s, %q: got %v, want %q", tt.typ, tt.text, found, tt.want)
		}
	}
}
