package sequence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

// The length of a chain reaches to its last known time.
func TestLinearTextOfSpansWithoutEnd(t *testing.T) {
	var ss spans
	ss.add("a", "x", -1, 0, 1)
	late := ss.add("a", "y", -1, 3.6e6, 0)
	ss[late].End = time.Time{}
	d := sequence.New(chain.New(ss), sequence.WithScale(sequence.Linear))
	if d.Length != time.Hour {
		t.Errorf("length %v, want %v", d.Length, time.Hour)
	}
	d.Length = time.Millisecond // a page is bounded even if the length is wrong
	for _, f := range sequence.Formats() {
		if got := drawn(t, d, f); strings.Count(got, "\n") > 1000 {
			t.Errorf("%s has %d lines", f, strings.Count(got, "\n"))
		}
	}
}

func TestColor(t *testing.T) {
	d := sequence.New(recorded(t, "stalled"))
	plain, colored := drawn(t, d, sequence.Text), drawn(t, d, sequence.Text, sequence.WithColor())
	if strings.Contains(plain, "\x1b") || !strings.Contains(colored, "\x1b[0;33m") {
		t.Error("color where it was not asked for, or none where it was")
	}
	for _, code := range []string{"", ";1", ";2", ";31", ";32", ";33", ";36"} {
		colored = strings.ReplaceAll(colored, "\x1b[0"+code+"m", "")
	}
	if colored != plain {
		t.Error("color changes more than the color")
	}
}

func TestWidth(t *testing.T) {
	d := sequence.New(recorded(t, "writers"))
	for _, width := range []int{40, 60, 80, 100, 200} {
		for line := range strings.Lines(drawn(t, d, sequence.Text, sequence.WithWidth(width))) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
				t.Errorf("%d columns, want at most %d: %s", n, width, line)
			}
		}
	}
}
