package text_test

import (
	"testing"

	"github.com/wakechain/wakechain/internal/text"
)

func TestColumns(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"": 0, "abc": 3, "日本語": 6, "e\u0301": 1, "→ é": 3, "\U0001F600": 2} {
		if got := text.Columns(s); got != want {
			t.Errorf("%q: got %d, want %d", s, got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"abc", 1, "…"}, {"e\u0301e\u0301", 2, "e\u0301e\u0301"},
	} {
		if got := text.Clip(tt.in, tt.n, "…"); got != tt.want {
			t.Errorf("%q to %d: got %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}
