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

// Where nothing is found, that is said, and in what.
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
