package explain_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/explain"
)

func TestHeadline(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ö", 90)
	for _, tt := range []struct {
		format string
		names  []string
		want   string
	}{
		{"%s waited 3 s for %s", []string{"x", "b"}, "x waited 3 s for b"},
		{"the %s", []string{"x"}, "The x"},
		{"%s waited 3 s for %s", []string{long, "b"}, long[:2*59] + "… waited 3 s for b"},
		{"%s waited 3 s for %s", []string{long, long}, long[:2*40] + "… waited 3 s for " + long[:2*40] + "…"},
		{strings.Repeat("y", 93) + " %s %s", []string{"0123456789", "0123456789"}, strings.Repeat("y", 93) + " 012…"},
	} {
		got := explain.Headline(tt.format, tt.names...)
		if got != tt.want || utf8.RuneCountInString(got) > explain.MaxHeadline {
			t.Errorf("got %q (%d), want %q", got, utf8.RuneCountInString(got), tt.want)
		}
	}
}
