package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/live"
)

// crowd returns a view of two processes with n goroutines, each of which has waited for
// longer than the one before.
func crowd(n int) *live.View {
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	v := &live.View{Version: live.Version, At: now, Processes: []live.Process{{PID: 1, Name: "shop"}, {PID: 2, Name: "bank\x1b[2J"}}}
	for i := range n {
		d := time.Duration(i+1) * time.Second
		g := live.Goroutine{
			Key: fmt.Sprint("k", i), Process: i % 2, ID: int64(i + 1), Name: fmt.Sprintf("worker\x1b]%03d", n-i), State: live.StateBlocked,
			Since: now.Add(-d), Began: now.Add(-2 * d),
			Waits: []live.Wait{{Operation: "lock", Reason: "lock", Since: now.Add(-d), Age: d, Holders: []live.Holder{{Name: "holder 世界", What: "holds the mutex", Strong: true}}}},
		}
		switch i % 5 {
		case 3:
			g.Waits, g.State = nil, live.StateRunning
		case 4:
			g.Waits[0].Idle, g.Waits[0].Operation, g.Waits[0].Reason = true, "read", "net.read"
		}
		v.Goroutines = append(v.Goroutines, g)
	}
	v.Findings = []live.Finding{
		{Kind: live.KindDeadlock, Text: strings.Repeat("one waits for another, ", 20)},
		{Kind: live.KindHead, Text: "holder holds up 3 goroutines"},
	}
	v.Counts = live.Counts{Goroutines: n, Blocked: n}
	return v
}

func boardOf(n int) *board {
	b := newBoard(time.Second)
	b.show(sight{view: crowd(n)})
	return b
}

func (b *board) order1() (keys []string) {
	for i := range b.rows {
		keys = append(keys, b.rows[i].key)
	}
	return keys
}

func TestBoardSorts(t *testing.T) {
	for keys, want := range map[string]string{
		"":     "k5/0 k2/0 k1/0 k0/0 k3 k4/0", // blocked, then running, then idle; the oldest first
		"a":    "k4/0 k3 k0/0 k1/0 k2/0 k5/0",
		"n":    "k5/0 k4/0 k3 k2/0 k1/0 k0/0",
		"nn":   "k0/0 k1/0 k2/0 k3 k4/0 k5/0",
		"w":    "k5/0 k2/0 k1/0 k0/0 k4/0 k3",
		"o":    "k2/0 k0/0 k4/0 k5/0 k1/0 k3",
		"i":    "k5/0 k2/0 k1/0 k0/0",
		"ii":   "k5/0 k2/0 k1/0 k0/0 k3 k4/0",
		"/sho": "k2/0 k0/0 k4/0",
	} {
		b := boardOf(6)
		for _, k := range keys {
			b.key(string(k))
		}
		if got := strings.Join(b.order1(), " "); got != want {
			t.Errorf("after %q: %s, want %s", keys, got, want)
		}
	}
}

func TestBoardKeys(t *testing.T) {
	b := boardOf(100)
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			if b.key(k) {
				t.Errorf("the key %q ends it", k)
			}
			b.frame(100, 20, true)
		}
	}
	at := func(want int) {
		t.Helper()
		if got := b.at(); got != want {
			t.Errorf("row %d is chosen, want %d", got, want)
		}
		if page := strings.Join(b.frame(100, 20, false), "\n"); strings.Count(page, "\n>") != 1 {
			t.Errorf("the chosen row is not on the page:\n%s", page)
		}
	}
	press(keyDown, keyDown)
	at(2)
	press(keyUp)
	at(1)
	press(keyPageDn)
	if b.at() < 5 {
		t.Errorf("a page is %d rows", b.at()-1)
	}
	press(keyEnd)
	at(99)
	press(keyHome)
	at(0)
	press(keyPageUp)
	at(0)
	press(keyEnter)
	if page := strings.Join(b.frame(100, 40, false), "\n"); !strings.Contains(page, "holder 世界 holds the mutex") || !strings.Contains(page, "has been blocked 1m38s") {
		t.Errorf("Enter does not say all:\n%s", page)
	}
	press("e", keyEnd)
	at(99)
	press("e", keyHome, "?")
	if page := strings.Join(b.frame(100, 40, false), "\n"); !strings.Contains(page, "Enter        all about it") {
		t.Errorf("? does not list the keys:\n%s", page)
	}
	press("?", "/", "q", "x", keyDelete, keyEnter)
	if b.filter != "q" || b.typing || len(b.rows) != 0 {
		t.Errorf("filter %q, typing %t, %d rows", b.filter, b.typing, len(b.rows))
	}
	press(keyEscape, keyNone, keySuspend)
	if len(b.rows) != 100 {
		t.Errorf("%d rows, want all again", len(b.rows))
	}
	before := b.view
	press(" ")
	b.show(sight{view: crowd(3)})
	if b.view != before || !strings.Contains(b.frame(100, 40, false)[0], "paused") {
		t.Error("a pause shows what is new")
	}
	press(" ")
	b.show(sight{view: crowd(3)})
	b.show(sight{err: fmt.Errorf("it is\ngone")})
	if page := b.frame(100, 40, false); len(b.rows) != 3 || page[2] != "no answer: it is; gone" {
		t.Errorf("%d rows, %q: want what was, and the error", len(b.rows), page[2])
	}
	if !b.key("q") || !b.key(keyQuit) {
		t.Error("neither q nor Ctrl-C ends it")
	}
}

// A page is never larger than the terminal, and no name in it moves the cursor.
func TestFrameFits(t *testing.T) {
	for _, keys := range [][]string{nil, {"e"}, {"?"}, {"/"}, {keyEnd, keyEnter}} {
		for _, size := range [][2]int{{1, 1}, {10, 2}, {20, 5}, {40, 10}, {80, 24}, {200, 60}} {
			for _, n := range []int{0, 1, 50} {
				b := boardOf(n)
				for _, k := range keys {
					b.key(k)
				}
				page := b.frame(size[0], size[1], false)
				if len(page) > size[1] {
					t.Errorf("%d lines on a terminal of %v with %d goroutines after %q", len(page), size, n, keys)
				}
				for _, l := range page {
					if text.Columns(l) > size[0] {
						t.Errorf("%d columns on a terminal of %v: %q", text.Columns(l), size, l)
					}
					if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' }) {
						t.Errorf("a control character: %q", l)
					}
				}
			}
		}
	}
}

func TestKeys(t *testing.T) {
	for in, want := range map[string][]string{
		"":                      nil,
		"a":                     {"a"},
		"\x1b[A\x1b[B\x1bOA":    {keyUp, keyDown, keyUp},
		"\x1b[5~\x1b[6~":        {keyPageUp, keyPageDn},
		"\x1b[H\x1b[F\x1b[1~":   {keyHome, keyEnd, keyHome},
		"\x1b":                  {keyEscape},
		"\x1b[":                 nil,
		"\x1b[200~x\x1b[1;5C é": {"x", " ", "é"},
		"\r\x7f\x03\x1a\x01":    {keyEnter, keyDelete, keyQuit, keySuspend},
		"\xff\xc3":              nil,
	} {
		if got := keysOf([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[A\x1b[200~q"))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := boardOf(7)
		for _, k := range keysOf(in) {
			b.key(k)
			b.frame(30, 8, true)
		}
	})
}
