package schedread_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sched"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// verify runs the tests, and looks for goroutines that they left. See TestMain.
func verify(m *testing.M) { goleak.VerifyTestMain(m) }

// recording starts a recorder for the test.
func recording(t *testing.T) *sched.Recorder {
	t.Helper()
	r := sched.NewRecorder(sched.WithWindow(1e12), sched.WithMaxBytes(64<<20))
	if err := r.Start(); err != nil {
		t.Skip("a tracer runs: ", err)
	}
	t.Cleanup(r.Stop)
	return r
}

// snapshot returns the recording.
func snapshot(t *testing.T, r *sched.Recorder) []byte {
	t.Helper()
	var buf bytes.Buffer
	if _, err := r.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// read reads a recording, which must be complete.
func read(t *testing.T, data []byte, opts ...schedread.Option) *schedread.Trace {
	t.Helper()
	tr, err := schedread.Read(bytes.NewReader(data), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// goroutine returns the runtime's number of the calling goroutine.
func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}

// line returns the parts of a block that tests compare: its operation and place, what
// ended it, which goroutine did and where, and whether it has ended.
func line(op *chain.Span) string {
	s := op.Name + " " + site(op)
	for _, c := range op.Children {
		switch {
		case c.Is(semconv.SpanBlock) && c.End.IsZero():
			s += " not over"
		case c.Is(semconv.SpanWake):
			if why := c.Str(semconv.WakeReasonKey); why != "" {
				s += " " + why
			}
			if by := c.Str(semconv.WakeGoroutineNameKey); by != "" {
				s += " by " + by + " in " + site(c)
			}
		}
	}
	return s
}

func site(s *chain.Span) string {
	fn := s.Str(semconv.CodeFunctionNameKey)
	return fn[strings.LastIndexByte(fn, '.')+1:]
}

// operations returns the operations of a goroutine, in order.
func operations(c *chain.Chain, goroutine int64) (all []*chain.Span) {
	for _, s := range c.Spans {
		if s.Int(semconv.GoroutineIDKey) == goroutine && s.Str(semconv.GoroutineStateKey) == "" && !s.IsGoroutine() {
			all = append(all, s)
		}
	}
	return all
}

// stacksOf returns the stacks that have all these words.
func stacksOf(words ...string) (found []string) {
	buf := make([]byte, 1<<20)
next:
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		for _, w := range words {
			if !strings.Contains(g, w) {
				continue next
			}
		}
		found = append(found, g)
	}
	return found
}
