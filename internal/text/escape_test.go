package text_test

import (
	"testing"

	"github.com/wakechain/wakechain/internal/text"
)

func TestPrintable(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "plain text": "plain text", "日本 é": "日本 é", `"a\b"`: `"a\b"`, "\uFFFD": "\uFFFD",
		"a\nb": `a\nb`, "\x1b[31m\"": `\x1b[31m"`, "\xff": `\xff`, "\u202e": `\u202e`, "\u200b": `\u200b`, "\u0085": `\u0085`, "\u00a0": `\u00a0`,
	} {
		if got := text.Printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestASCII(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "plain text": "plain text", "é": `\u00e9`, `"a\b"`: `"a\\b"`, "a\nb": `a\nb`, "\xff": `\xff`,
	} {
		if got := text.ASCII(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestShorten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"", 3, ""}, {"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本", 3, "日本"}, {"日本語", 3, "日本…"}, {"abc", 1, "…"}, {"abc", 0, "abc"},
	} {
		if got := text.Shorten(tt.in, tt.n); got != tt.want {
			t.Errorf("%q to %d: got %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}
