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
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record returns a context whose spans go to the recorder. All of them must end,
// and none may have events. They are of the SDK or, where .ci/run says so, of a
// lean provider.
func record(t *testing.T, opts ...trace.Option) (context.Context, *tracetest.Recorder) {
	t.Helper()
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSpanProcessor(noEvents{t})))
	tp := oteltrace.TracerProvider(rec.TracerProvider())
	if os.Getenv("WAKECHAIN_LEAN") != "" {
		tp = lean.NewTracerProvider(lean.WithSpanProcessor(rec.SpanProcessor()), lean.WithSpanProcessor(noEvents{t}))
	}
	opts = append([]trace.Option{trace.WithTracerProvider(tp)}, opts...)
	return trace.New(opts...).NewContext(t.Context()), rec
}

type noEvents struct{ *testing.T }

func (noEvents) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (noEvents) Shutdown(context.Context) error                  { return nil }
func (noEvents) ForceFlush(context.Context) error                { return nil }

func (t noEvents) OnEnd(s sdktrace.ReadOnlySpan) {
	if n := len(s.Events()); n != 0 {
		t.Errorf("%s: got %d span events, want none", s.Name(), n)
	}
}

// How a tree is compared: by all that is in it, or by what its shape is, apart
// from totals and names. Both are written with the times of the bubble.
var (
	whole = []tracetest.TreeOption{tracetest.WithTimes(), tracetest.Exact()}
	shape = []tracetest.TreeOption{tracetest.WithTimes(), tracetest.Exact(
		trace.BlockReasonKey, trace.WakeReasonKey, trace.GoroutineStateKey, trace.ErrorTypeKey, trace.SelectCaseKey,
	)}
)

func wantStatus(t *testing.T, s *chain.Span, errorType string) {
	t.Helper()
	code := codes.Unset
	if errorType != "" {
		code = codes.Error
	}
	if got := s.Status; got.Code != code || got.Description != "" {
		t.Errorf("status: got %v %q, want %v", got.Code, got.Description, code)
	}
	if got := s.Str(trace.ErrorTypeKey); got != errorType {
		t.Errorf("error.type: got %q, want %q", got, errorType)
	}
}

// goroutine is the runtime's number of the calling goroutine.
func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}
