package sequence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// Blocks that two goroutines ended are two runs, since a run says who ended it.
func TestRunsByWaker(t *testing.T) {
	var ss spans
	main := ss.add("a", "main", -1, 0, 0.1, semconv.GoroutineNameKey.String("main"))
	var by []int
	for i, name := range []string{"x", "y"} {
		g := ss.add("a", name, main, 1+float64(i), 1.1+float64(i), semconv.GoroutineNameKey.String(name))
		by = append(by, ss.add("a", semconv.SpanSend, g, 2, 100))
	}
	for i := range 20 {
		at := 5 + float64(i)
		r := ss.add("a", semconv.SpanRecv, main, at, at+1)
		ss.link(ss.pause(r, at+0.1, at+0.5, semconv.ReasonChanRecv, semconv.WakeReceived), by[i%2])
	}
	got := outline(sequence.New(chain.New(ss)))
	for _, want := range []string{"wake a x > a main !: wake ×10", "wake a y > a main !: wake ×10"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q:\n%s", want, got)
		}
	}
}

// A block's row names what it waits for as the program does.
func TestBlockName(t *testing.T) {
	var ss spans
	main := ss.add("a", "main", -1, 0, 0.1, semconv.GoroutineNameKey.String("main"))
	for i, name := range []string{"jobs", ""} {
		at := 5 + float64(i)
		r := ss.add("a", semconv.SpanRecv, main, at, at+1, semconv.SyncNameKey.String(name))
		ss.pause(r, at+0.1, at+0.5, semconv.ReasonChanRecv, semconv.WakeReceived)
	}
	got := outline(sequence.New(chain.New(ss)))
	if !strings.Contains(got, "· chan.recv jobs") || strings.Count(got, "chan.recv") != 2 {
		t.Errorf("want a wait for jobs, and one for what has no name:\n%s", got)
	}
}

// A block that has not ended is in no run of blocks that have.
func TestRunNotOver(t *testing.T) {
	var ss spans
	main := ss.add("a", "main", -1, 0, 0.1, semconv.GoroutineNameKey.String("main"))
	for i := range 10 {
		at := 5 + float64(i)
		r := ss.add("a", semconv.SpanRecv, main, at, at+1)
		b := ss.add("a", semconv.SpanBlock, r, at, at+0.5, semconv.BlockReasonKey.String(string(semconv.ReasonChanRecv)))
		if i == 9 {
			ss[b].End = time.Time{}
		}
	}
	got := outline(sequence.New(chain.New(ss)))
	if !strings.Contains(got, "blocked 4.5 ms ×9") || !strings.Contains(got, "blocked, not ended · chan.recv") {
		t.Errorf("want nine blocks, and one that is not over:\n%s", got)
	}
}
