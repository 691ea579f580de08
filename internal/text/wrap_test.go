package text_test

import (
	"slices"
	"testing"

	"github.com/wakechain/wakechain/internal/text"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s     string
		width int
		want  []string
	}{
		{"", 10, []string{"→ "}},
		{"one two three", 20, []string{"→ one two three"}},
		{"one two three", 9, []string{"→ one two", "  three"}},
		{"a-word-that-is-too-long and more", 9, []string{"→ a-word-that-is-too-long", "  and", "  more"}},
		{"blocked for 3.48 s.", 17, []string{"→ blocked for", "  3.48 s."}},
		{"it was 1 min 2 s, and", 10, []string{"→ it was", "  1 min", "  2 s, and"}},
		{"some 8.7 / s", 10, []string{"→ some", "  8.7 / s"}},
		{"in 4,665 bytes (9 kB) of", 14, []string{"→ in", "  4,665 bytes", "  (9 kB) of"}},
		{"漢字 漢字", 7, []string{"→ 漢字", "  漢字"}},
	} {
		if got := text.Wrap(tt.s, "→ ", "  ", tt.width); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %d columns: got %q, want %q", tt.s, tt.width, got, tt.want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567"} {
		if got := text.Number(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 writes", 1: "1 write", 2401: "2,401 writes"} {
		if got := text.Counted(n, "write"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
