package session_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

func TestMain(m *testing.M) {
	if each, err := strconv.Atoi(os.Getenv(peerProcess)); err == nil {
		if err := bePeer(each); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// recorder has one side's spans, from the SDK or, if .ci/run says so, from a lean
// provider. All of them must end: the library may close in a goroutine of its own.
type recorder struct {
	*tracetest.Recorder
	oteltrace.TracerProvider
}

func newRecorder(t *testing.T, opts ...sdktrace.TracerProviderOption) *recorder {
	t.Helper()
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(opts...))
	r := &recorder{rec, rec.TracerProvider()}
	if os.Getenv("WAKECHAIN_LEAN") != "" && len(opts) == 0 {
		r.TracerProvider = lean.NewTracerProvider(lean.WithSpanProcessor(rec.SpanProcessor()))
	}
	t.Cleanup(func() { wantEnded(t, r) }) // runs after connections are closed
	return r
}

func (r *recorder) option() session.Option { return session.WithTracerProvider(r.TracerProvider) }

// context returns a copy of ctx with a tracer whose spans r records.
func (r *recorder) context(ctx context.Context) context.Context {
	return trace.New(trace.WithTracerProvider(r.TracerProvider)).NewContext(ctx)
}

// compared are the attributes that trees compare: those that are the same in each run.
var compared = []attribute.Key{
	semconv.BlockReasonKey, semconv.BlockSourceKey, semconv.WakeReasonKey, semconv.WakeCauseKey,
	semconv.GoroutineStateKey, semconv.ErrorTypeKey, semconv.HTTPResponseStatusCodeKey,
	semconv.WebSocketMessageTypeKey, semconv.WebSocketMessageSizeKey, semconv.WebSocketMessageTakenKey, semconv.WebSocketMessageIndexKey,
	semconv.WebSocketFrameCountKey, semconv.WebSocketWireSizeKey, semconv.WebSocketFrameErrorKey,
	semconv.WebSocketCloseCodeKey, semconv.WebSocketCloseInitiatorKey, semconv.WebSocketCloseCompletedKey,
	semconv.WebSocketCloseWaitKey, semconv.WebSocketCloseReasonKey, semconv.WebSocketHandshakeCheckKey,
	semconv.WebSocketSubprotocolKey, semconv.WebSocketExtensionsKey,
}

// steps matches the steps of the handshake.
var steps = tracetest.Matching("the steps of the handshake", func(s *chain.Span) bool {
	switch s.Name {
	case semconv.StepDNS, semconv.StepConnect, semconv.StepTLS, semconv.StepWriteHTTPRequest, semconv.StepReadHTTPResponse,
		semconv.StepReadHTTPRequest, semconv.StepProcessRequest, semconv.StepWriteHTTPResponse:
		return true
	}
	return false
})

// exactly compares the compared attributes of spans, with short keys.
var exactly = []tracetest.TreeOption{
	tracetest.TrimPrefix("websocket.", "block.", "wake.", "goroutine.", "http.response."), tracetest.Exact(compared...), tracetest.WithTimes(),
}

// wantTree compares all spans but the handshake's, once they have ended.
func wantTree(t *testing.T, r *recorder, want string) {
	t.Helper()
	wantEnded(t, r)
	tracetest.AssertTree(t, r.Chain(), want, append(exactly, tracetest.Without(semconv.SpanHandshake, steps))...)
}

// wantEnded waits until every span that was started has ended.
func wantEnded(t *testing.T, r *recorder) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.WaitEnded(ctx); err != nil {
		t.Error(err)
	}
}

// wantEnd waits until n spans of a name have ended.
func wantEnd(t *testing.T, r *recorder, name string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.WaitN(ctx, tracetest.Name(name), n); err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition that other goroutines make true.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}

var noopProvider = noop.NewTracerProvider()

// offs are the recorders that must record nothing.
func offs(t *testing.T) map[string]*recorder {
	t.Helper()
	unsampled := newRecorder(t, sdktrace.WithSampler(sdktrace.NeverSample()))
	return map[string]*recorder{"unsampled": unsampled}
}
