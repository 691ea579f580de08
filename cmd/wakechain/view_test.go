package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/live"
)

// FuzzView shows any answer of a debug page in every way there is. Nothing panics, and no
// control character is printed.
func FuzzView(f *testing.F) {
	for _, n := range []int{0, 1, 5} {
		b, err := json.Marshal(crowd(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"processes":[{}],"goroutines":[{"key":"a","waits":[{"on":{"connection":"c"},"holders":[{"key":"a"}]}]},{"key":"a","parent":"a"}],
		"connections":[{"id":"c","peer":"c"},{"id":"c"}],"findings":[{"goroutines":["a","a",""]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := new(live.View)
		if json.NewDecoder(bytes.NewReader(data)).Decode(v) != nil || sound(v, "x") != nil {
			return
		}
		plain := func(what, s string) {
			for _, line := range bytes.Split([]byte(s), []byte("\n")) {
				if got := text.Printable(string(line)); got != string(line) {
					t.Errorf("%s: %q", what, line)
				}
			}
		}
		shown := []*live.View{v, live.Join(v, v), v.Filter(live.Filter{Min: time.Second}), v.Filter(live.Filter{Connection: "c"})}
		for _, v := range shown {
			var out bytes.Buffer
			if err := v.WriteText(&out, live.WithWidth(80)); err != nil {
				t.Error(err)
			}
			plain("text", out.String())
			_ = stuckFor(v, time.Second)
			b := newBoard(time.Second)
			b.show(sight{view: v})
			for _, k := range []string{"", "a", "n", "enter", "down", "e"} {
				b.key(k)
				for _, line := range b.frame(100, 30, false) {
					plain("board", line)
				}
			}
		}
	})
}
