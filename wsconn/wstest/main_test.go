package wstest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record returns a context whose spans go to the recorder.
func record(ctx context.Context) (context.Context, *tracetest.SpanRecorder) {
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec))
	return trace.New(trace.WithTracerProvider(tp)).NewContext(ctx), rec
}

// edges are the blocks and wakes of all operations of that name, one per line,
// with how long a block took: "block 2s net.write peer_window memory", "wake
// peer_read -> read".
func edges(rec *tracetest.SpanRecorder, name string) string {
	names := map[oteltrace.SpanID]string{}
	for _, s := range rec.Started() {
		names[s.SpanContext().SpanID()] = s.Name()
	}
	var b strings.Builder
	for _, s := range rec.Ended() {
		if names[s.Parent().SpanID()] != name || s.Name() != trace.SpanBlock && s.Name() != trace.SpanWake {
			continue
		}
		b.WriteString(s.Name())
		if s.Name() == trace.SpanBlock {
			fmt.Fprintf(&b, " %v", s.EndTime().Sub(s.StartTime()).Round(time.Microsecond))
		}
		for _, key := range []attribute.Key{trace.BlockReasonKey, trace.BlockCauseKey, trace.BlockSourceKey, trace.WakeReasonKey} {
			i := slices.IndexFunc(s.Attributes(), func(a attribute.KeyValue) bool { return a.Key == key })
			if i >= 0 {
				b.WriteString(" " + s.Attributes()[i].Value.AsString())
			}
		}
		for _, l := range s.Links() {
			b.WriteString(" -> " + names[l.SpanContext.SpanID()])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// want compares with lines that are indented as the test is.
func want(t *testing.T, got, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimPrefix(want, "\n"), "\t", "")
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
