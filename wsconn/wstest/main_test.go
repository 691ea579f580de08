package wstest_test

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record returns a context whose spans go to the recorder.
func record(t *testing.T) (context.Context, *tracetest.Recorder) {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	return trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context()), rec
}

// wantEdges compares the blocks and wakes of the only operation with this name: the lines
// below it, with the test's indentation.
func wantEdges(t *testing.T, rec *tracetest.Recorder, name, want string) {
	t.Helper()
	c := rec.Chain()
	span := tracetest.One(t, c, name)
	tracetest.AssertTiled(t, span)
	lines := strings.Split(strings.ReplaceAll(want, "\t", ""), "\n")
	tracetest.AssertTree(t, c, name+" {status}"+strings.Join(append([]string{""}, lines...), "\n\t"), tracetest.Below(span),
		tracetest.TrimPrefix("block.", "wake."),
		tracetest.Exact(semconv.BlockReasonKey, semconv.BlockCauseKey, semconv.BlockSourceKey, semconv.WakeReasonKey))
}
