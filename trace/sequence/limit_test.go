package sequence_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

func TestBlocked(t *testing.T) {
	c := recorded(t, "stalled")
	got := outline(sequence.New(c, sequence.WithBlocked(800*time.Millisecond)))
	for _, want := range []string{"… ", "sent socket_start", "peer_window", "peer_reset", "failure"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in what was blocked:\n%s", want, got)
		}
	}
	if all := outline(sequence.New(c)); strings.Count(got, "\n") >= strings.Count(all, "\n") {
		t.Errorf("nothing is left out:\n%s", got)
	}
	d := sequence.New(c, sequence.WithBlocked(time.Hour))
	if len(d.Notes) != 1 || d.Notes[0] != "nothing was blocked for 1h00m" {
		t.Errorf("notes %q, want that nothing was blocked for so long", d.Notes)
	}
}

// A run of blocks counts by its longest block, not by their sum. Shorter blocks are not
// shown beside it.
func TestBlockedAtAStretch(t *testing.T) {
	var ss spans
	hello, data := ss.connection()
	at := 5.0
	for range 50 {
		w := ss.message("socket_start", semconv.SpanWrite, data, 1, at, at+9)
		ss.pause(w, at+1, at+8, semconv.ReasonNetWrite, semconv.WakePeerRead)
		at += 10
	}
	long := ss.message("socket_start", semconv.SpanWrite, data, 51, at, at+400)
	ss.pause(long, at+1, at+351, semconv.ReasonNetWrite, semconv.WakePeerReset)
	ss.add("socket_get", "elsewhere", hello, at+100, at+101)
	lock := ss.add("socket_start", semconv.SpanLock, data, at+401, at+403)
	ss.pause(lock, at+401, at+402, semconv.ReasonLock, semconv.WakeUnlocked)
	got := outline(sequence.New(chain.New(ss), sequence.WithBlocked(300*time.Millisecond)))
	if n := strings.Count(got, "block - "); n != 1 || !strings.Contains(got, "blocked 350 ms") || !strings.Contains(got, "peer_reset") {
		t.Errorf("want only the block of 350 ms and its wake:\n%s", got)
	}
	// A row that says that one is missing would take as much room.
	if !strings.Contains(got, "elsewhere") {
		t.Errorf("one row is missing between the block and its wake:\n%s", got)
	}
	// A run with a block of 7 ms has its arrow beside it.
	got = outline(sequence.New(chain.New(ss), sequence.WithBlocked(5*time.Millisecond)))
	if !strings.Contains(got, "blocked 350 ms ×50") || !strings.Contains(got, "wake ×50 · peer_read") || strings.Contains(got, "blocked 1 ms") {
		t.Errorf("want the run, the long block and their wakes:\n%s", got)
	}
}

func TestLimits(t *testing.T) {
	var ss spans
	for i := range 5000 {
		ss.add("a", "step"+strings.Repeat("x", i%50), -1, float64(i), float64(i)+0.5)
	}
	w := ss.message("a", "write", -1, 1, 2500, 2600)
	ss.pause(w, 2510, 2590, "lock", "unlocked")
	d := sequence.New(chain.New(ss), sequence.WithoutFolding())
	for _, f := range sequence.Formats() {
		got := drawn(t, d, f)
		if !strings.Contains(got, "steps") || !strings.Contains(got, "blocked 80 ms") {
			t.Errorf("%s does not say what is missing, or lacks the block", f)
		}
		if f == sequence.Mermaid && len(got) > 50_000 {
			t.Errorf("%d bytes of Mermaid, which takes 50,000", len(got))
		}
		if few := drawn(t, d, f, sequence.WithMaxRows(20)); f != sequence.HTML && len(few) >= len(got) {
			t.Errorf("%s: %d bytes for 20 rows, %d for more", f, len(few), len(got))
		}
	}
	// Each step has a row or is counted as missing.
	text := drawn(t, d, sequence.Text, sequence.WithMaxRows(9))
	steps := strings.Count(text, "├─ step")
	for _, m := range regexp.MustCompile(`… ([\d,]+) steps?`).FindAllStringSubmatch(text, -1) {
		n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
		if err != nil {
			t.Fatal(err)
		}
		steps += n
	}
	if steps != 5000 {
		t.Errorf("%d of 5000 steps are there or counted:\n%s", steps, text)
	}
}

// The limit counts all rows, also those that say what is missing.
func TestMaxRows(t *testing.T) {
	for _, name := range scenarios {
		d := sequence.New(recorded(t, name), sequence.WithoutFolding())
		for n := 1; n < 40; n++ {
			svg := drawn(t, d, sequence.SVG, sequence.WithMaxRows(n))
			got := strings.Count(svg, `<g class="row`)
			if want := min(n, len(d.Rows)); got > want || got < want-2 {
				t.Errorf("%s: %d rows with a limit of %d", name, got, n)
			}
			// The row that would say that one is missing takes as much room as that one.
			for _, one := range []string{">… 1 wake<", ">… 1 message<", ">… 1 step<", ">… 1 block<", "row<", "rows<"} {
				if n > 1 && strings.Contains(svg, one) {
					t.Errorf("%s: %q stands for one row with a limit of %d", name, one, n)
				}
			}
		}
	}
}

// A block is kept together with the arrow of its wake, even if it stands for many blocks.
func TestMaxRowsKeepsWakes(t *testing.T) {
	d := sequence.New(recorded(t, "channel"))
	got := drawn(t, d, sequence.Text, sequence.WithMaxRows(7))
	if !strings.Contains(got, "recv · blocked") || !strings.Contains(got, "wake ×20 · received · by main") {
		t.Errorf("no block with its wake:\n%s", got)
	}
}
