package trace_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	"go.opentelemetry.io/otel/codes"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record returns a context whose spans go to the recorder. All of them must end, and none may
// have what no assertion on trees looks at (see terse). The SDK makes them or, if .ci/run
// asks for that, a lean provider.
func record(t *testing.T, opts ...trace.Option) (context.Context, *tracetest.Recorder) {
	t.Helper()
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSpanProcessor(terse{t})))
	tp := oteltrace.TracerProvider(rec.TracerProvider())
	if os.Getenv("WAKECHAIN_LEAN") != "" {
		tp = lean.NewTracerProvider(lean.WithSpanProcessor(rec.SpanProcessor()), lean.WithSpanProcessor(terse{t}))
	}
	opts = append([]trace.Option{trace.WithTracerProvider(tp)}, opts...)
	return trace.New(opts...).NewContext(t.Context()), rec
}

// terse fails the test for spans with events, a description without a failure or
// the status Ok: the package makes none of these.
type terse struct{ *testing.T }

func (terse) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (terse) Shutdown(context.Context) error                  { return nil }
func (terse) ForceFlush(context.Context) error                { return nil }

func (t terse) OnEnd(s sdktrace.ReadOnlySpan) {
	if n := len(s.Events()); n != 0 {
		t.Errorf("%s: got %d span events, want none", s.Name(), n)
	}
	if st := s.Status(); st.Code == codes.Ok || st.Code == codes.Unset && st.Description != "" || len(st.Description) > 256 {
		t.Errorf("%s: got status %v %q, want Unset, or Error with a short description", s.Name(), st.Code, st.Description)
	}
}

// Two ways to compare a tree: by everything in it, or by its shape, without totals and
// names. Both have the times of the bubble.
var (
	whole = []tracetest.TreeOption{tracetest.WithTimes(), tracetest.Exact()}
	shape = []tracetest.TreeOption{tracetest.WithTimes(), tracetest.Exact(
		semconv.BlockReasonKey, semconv.WakeReasonKey, semconv.GoroutineStateKey, semconv.ErrorTypeKey, semconv.SelectCaseKey,
	)}
)

func wantStatus(t *testing.T, s *chain.Span, errorType string) {
	t.Helper()
	code := codes.Unset
	if errorType != "" {
		code = codes.Error
	}
	if got := s.Status; got.Code != code {
		t.Errorf("status: got %v %q, want %v", got.Code, got.Description, code)
	}
	if got := s.Str(semconv.ErrorTypeKey); got != errorType {
		t.Errorf("error.type: got %q, want %q", got, errorType)
	}
}

// goroutine returns the runtime's ID of the calling goroutine.
func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}
