package explain_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/explain"
)

func TestPrint(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	err := explain.Print(&b, []explain.Finding{
		{
			Rule: explain.SenderStalled, Severity: explain.Problem, At: 4507 * time.Microsecond,
			Text:   "socket_start's sen_data was blocked 2.71 s in the write after message 311: socket_get was not reading.",
			Advice: "Look at what the reader does between two reads, and give the writes a deadline so that it costs no more.",
		},
		{Rule: explain.GoroutineEnded, Severity: explain.Info, Text: strings.Repeat("x", 120) + " y"},
	})
	const want = `PROBLEM  sender-stalled  +4.507ms
  socket_start's sen_data was blocked 2.71 s in the write after message 311: socket_get was not
  reading.
  → Look at what the reader does between two reads, and give the writes a deadline so that it costs
    no more.

INFO     goroutine-ended  +0s
  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
  y
`
	if got := b.String(); err != nil || got != want {
		t.Errorf("got error %v and\n%s\nwant\n%s", err, got, want)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestPrintReturnsTheWritersError(t *testing.T) {
	t.Parallel()
	if err := explain.Print(broken{}, []explain.Finding{{}}); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}
