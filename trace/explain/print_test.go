package explain_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := explain.Print(&b, nil, []explain.Finding{
		{
			Rule: explain.SenderStalled, Severity: explain.Problem, At: 4507 * time.Microsecond,
			Headline: "socket_start's sen_data was blocked 2.71 s writing: socket_get was not reading",
			Text:     "It was the write after message 311; socket_get's receive window was closed for 2.6 s of that. Its reader hello had last read 393 ms before that.",
			Advice:   "Look at what the reader does between two reads, and give the writes a deadline so that it costs no more.",
		},
		{Rule: explain.GoroutineEnded, Severity: explain.Info, Headline: "x failed", Text: strings.Repeat("x", 120) + " y"},
	})
	const want = `PROBLEM  sender-stalled  +4.507ms
  socket_start's sen_data was blocked 2.71 s writing: socket_get was not reading
    It was the write after message 311; socket_get's receive window was closed for 2.6 s of that.
    Its reader hello had last read 393 ms before that.
  → Look at what the reader does between two reads, and give the writes a deadline so that it costs
    no more.

INFO     goroutine-ended  +0s
  x failed
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    y
`
	if got := b.String(); err != nil || got != want {
		t.Errorf("got error %v and\n%s\nwant\n%s", err, got, want)
	}
}

func TestPrintOptions(t *testing.T) {
	t.Parallel()
	found := []explain.Finding{
		{Rule: explain.SenderStalled, Severity: explain.Problem, Headline: "socket_start's sen_data was blocked 2.71 s writing", Text: "日本語 日本語 日本語 日本語 日本語 日本語"},
		{Rule: explain.GoroutineEnded, Severity: explain.Info, Headline: "x failed"},
		{Rule: explain.GoroutineEnded, Severity: explain.Info, Headline: "y failed"},
	}
	var b strings.Builder
	if err := explain.Print(&b, nil, found, explain.WithWidth(10), explain.WithLimit(2), explain.WithColor(), nil); err != nil {
		t.Fatal(err)
	}
	const want = "\x1b[1;31mPROBLEM \x1b[0m sender-stalled  +0s\n" +
		"\x1b[1m  socket_start's sen_data was blocked\n  2.71 s writing\x1b[0m\n" +
		"    日本語 日本語 日本語 日本語 日本語\n    日本語\n\n" +
		"\x1b[36mINFO    \x1b[0m goroutine-ended  +0s\n\x1b[1m  x failed\x1b[0m\n\n" +
		"… and 1 more finding.\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	b.Reset()
	if err := explain.Print(&b, nil, found, explain.WithLimit(0), explain.WithWidth(0)); err != nil || strings.Count(b.String(), "failed") != 2 || strings.Contains(b.String(), "more") {
		t.Errorf("got %v, %s", err, &b)
	}
}

// If nothing is found, Print says so, and in how many spans.
func TestPrintNothing(t *testing.T) {
	t.Parallel()
	var s script
	s.connect()
	for c, want := range map[*chain.Chain]string{
		nil:                "Nothing found in 0 spans of 0 services.\n",
		chain.New(s.spans): "Nothing found in 4 spans of 2 services.\n",
	} {
		var b strings.Builder
		if err := explain.Print(&b, c, explain.Explain(c)); err != nil || b.String() != want {
			t.Errorf("got error %v and %q, want %q", err, b.String(), want)
		}
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintReturnsTheWritersError(t *testing.T) {
	t.Parallel()
	if err := explain.Print(broken{}, nil, []explain.Finding{{}}); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}
