package fold_test

import (
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/internal/fold"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leaf is a node: its place, what it reads as and how long it took.
type leaf struct {
	at    int
	label string
	took  time.Duration
}

// row makes siblings of labels, each of a character; a capital letter took a second.
func row(labels string) (*fold.Folder[*leaf], []*leaf) {
	f := fold.New(len(labels), func(l *leaf) int { return l.at }, func(l *leaf) time.Duration { return l.took }, 4, 3)
	var all []*leaf
	for i, c := range labels {
		l := &leaf{at: i, label: string(c | 0x20), took: time.Millisecond}
		if c < 'a' {
			l.took = time.Second
		}
		f.Set(l, []byte(l.label), nil)
		all = append(all, l)
	}
	f.Mark(all)
	return f, all
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	for labels, want := range map[string]string{
		"a":          "1×1",
		"aab":        "1×1", // two are not folded
		"aaab":       "1×3",
		"ababab":     "2×3",
		"abab":       "1×1",
		"aabaabaabc": "3×3",
		"aaabaaab":   "1×3",
		"abcdeabcde": "1×1",
		"aaAaa":      "1×1", // an outlier is between
		"AAAA":       "1×4", // where all are slow none is
	} {
		f, all := row(labels)
		period, rounds := f.Repeat(all)
		if got := fmt.Sprintf("%d×%d", period, rounds); got != want {
			t.Errorf("%s: got %s, want %s", labels, got, want)
		}
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	f, all := row("abaAabAa")
	for apart, want := range map[bool]string{
		false: "a×4 b×2 a×2 ",
		true:  "a×4 b×2 a×1 a×1 ",
	} {
		got := ""
		for _, group := range f.Merge(all, apart) {
			got += fmt.Sprintf("%s×%d ", group[0].label, len(group))
		}
		if got != want {
			t.Errorf("apart %v: got %q, want %q", apart, got, want)
		}
	}
}

// What is below counts by its kinds, and not by how many there are.
func TestBelow(t *testing.T) {
	t.Parallel()
	f := fold.New(32, func(l *leaf) int { return l.at }, func(l *leaf) time.Duration { return l.took }, 4, 3)
	next := 0
	node := func(label string, below ...*leaf) *leaf {
		l := &leaf{at: next, label: label}
		next++
		f.Set(l, []byte(label), below)
		return l
	}
	read := func() *leaf { return node("read") }
	same := []*leaf{node("op", read()), node("op", read(), read(), read()), node("op", read(), read())}
	if period, rounds := f.Repeat(same); period != 1 || rounds != 3 {
		t.Errorf("got %d×%d of one kind, want 1×3", period, rounds)
	}
	other := []*leaf{same[0], node("op", node("write")), same[1]}
	if got := len(f.Merge(other, false)); got != 2 {
		t.Errorf("got %d kinds, want 2", got)
	}
}
