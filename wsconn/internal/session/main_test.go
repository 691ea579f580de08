package session_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
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

// recorder is one side's provider and what it was given.
type recorder struct {
	*tracetest.SpanRecorder
	oteltrace.TracerProvider
}

func newRecorder(opts ...sdktrace.TracerProviderOption) *recorder {
	rec := tracetest.NewSpanRecorder()
	if os.Getenv("WAKECHAIN_LEAN") != "" && len(opts) == 0 { // .ci/run says so
		return &recorder{rec, lean.NewTracerProvider(lean.WithSpanProcessor(rec))}
	}
	return &recorder{rec, sdktrace.NewTracerProvider(append(opts, sdktrace.WithSpanProcessor(rec))...)}
}

func (r *recorder) option() session.Option { return session.WithTracerProvider(r.TracerProvider) }

// context returns a copy of ctx with a tracer whose spans r records.
func (r *recorder) context(ctx context.Context) context.Context {
	return trace.New(trace.WithTracerProvider(r.TracerProvider)).NewContext(ctx)
}

func (r *recorder) named(name string) (found []sdktrace.ReadOnlySpan) {
	for _, s := range r.Ended() {
		if s.Name() == name {
			found = append(found, s)
		}
	}
	return found
}

func (r *recorder) one(t *testing.T, name string) sdktrace.ReadOnlySpan {
	t.Helper()
	found := r.named(name)
	if len(found) != 1 {
		t.Fatalf("got %d spans %q, want 1:\n%s", len(found), name, tree(r.Ended()))
	}
	return found[0]
}

// told are the attributes that tree shows: all that a run repeats.
var told = []attribute.Key{
	trace.BlockReasonKey, trace.BlockSourceKey, trace.WakeReasonKey, trace.WakeCauseKey,
	trace.GoroutineStateKey, trace.ErrorTypeKey, trace.HTTPResponseStatusCodeKey,
	trace.WebSocketMessageTypeKey, trace.WebSocketMessageSizeKey, trace.WebSocketMessageIndexKey,
	trace.WebSocketFrameCountKey, trace.WebSocketWireSizeKey, trace.WebSocketFrameErrorKey,
	trace.WebSocketCloseCodeKey, trace.WebSocketCloseInitiatorKey, trace.WebSocketCloseCompletedKey,
	trace.WebSocketCloseWaitKey, trace.WebSocketCloseReasonKey, trace.WebSocketHandshakeCheckKey,
	trace.WebSocketSubprotocolKey, trace.WebSocketExtensionsKey,
}

// tree writes spans, one per line, children below their parent in the order of
// their start: in a bubble the start and the length in milliseconds, then
// attributes and links. An Error status shows as "!".
func tree(spans []sdktrace.ReadOnlySpan) string {
	name := map[oteltrace.SpanID]string{}
	children := map[oteltrace.SpanID][]sdktrace.ReadOnlySpan{}
	for _, s := range spans {
		name[s.SpanContext().SpanID()] = s.Name()
	}
	for _, s := range spans {
		parent := s.Parent().SpanID()
		if name[parent] == "" {
			parent = oteltrace.SpanID{} // not among them
		}
		children[parent] = append(children[parent], s)
	}
	bubble := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var b strings.Builder
	var walk func(oteltrace.SpanID, string)
	walk = func(parent oteltrace.SpanID, indent string) {
		slices.SortStableFunc(children[parent], func(a, b sdktrace.ReadOnlySpan) int {
			return cmp.Or(a.StartTime().Compare(b.StartTime()), a.EndTime().Compare(b.EndTime()), cmp.Compare(a.Name(), b.Name()))
		})
		for _, s := range children[parent] {
			b.WriteString(indent + s.Name())
			if s.Status().Code == codes.Error {
				b.WriteString("!")
			}
			if s.StartTime().Year() == bubble.Year() {
				fmt.Fprintf(&b, " @%d+%d", s.StartTime().Sub(bubble).Milliseconds(), s.EndTime().Sub(s.StartTime()).Milliseconds())
			}
			for _, key := range told {
				if v, ok := attr(s, key); ok {
					short := string(key)
					for _, prefix := range []string{"websocket.", "block.", "wake.", "goroutine.", "http.response."} {
						short = strings.TrimPrefix(short, prefix)
					}
					fmt.Fprintf(&b, " %s=%s", short, v.String())
				}
			}
			for _, l := range s.Links() {
				fmt.Fprintf(&b, " -> %s", cmp.Or(name[l.SpanContext.SpanID()], "another"))
			}
			b.WriteByte('\n')
			walk(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	walk(oteltrace.SpanID{}, "")
	return b.String()
}

// wantTree compares all spans but the handshake's, and that none is open.
func wantTree(t *testing.T, r *recorder, want string) {
	t.Helper()
	if got := tree(r.messages()); got != unindent(want) {
		t.Errorf("spans:\ngot\n%swant\n%s", got, unindent(want))
	}
	wantEnded(t, r)
}

// wantEnded waits until every span that was started has ended: the library may
// be closing in a goroutine of its own.
func wantEnded(t *testing.T, r *recorder) {
	t.Helper()
	until(t, "every span ends", func() bool { return len(r.Started()) == len(r.Ended()) })
}

// messages are the spans without the handshake and its steps.
func (r *recorder) messages() (spans []sdktrace.ReadOnlySpan) {
	steps := []string{
		trace.StepDNS, trace.StepConnect, trace.StepTLS, trace.StepWriteHTTPRequest, trace.StepReadHTTPResponse,
		trace.StepReadHTTPRequest, trace.StepProcessRequest, trace.StepWriteHTTPResponse,
	}
	for _, s := range r.Ended() {
		if s.Name() != trace.SpanHandshake && !slices.Contains(steps, s.Name()) {
			spans = append(spans, s)
		}
	}
	return spans
}

// unindent takes the indentation of the first line off every line.
func unindent(s string) string {
	s = strings.TrimRight(strings.TrimPrefix(s, "\n"), "\t\n ")
	if s == "" {
		return ""
	}
	margin := s[:len(s)-len(strings.TrimLeft(s, "\t"))]
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], margin)
	}
	return strings.Join(lines, "\n") + "\n"
}

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) (attribute.Value, bool) {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value, true
		}
	}
	return attribute.Value{}, false
}

// text is the value of an attribute, "" if s has none.
func text(s sdktrace.ReadOnlySpan, key attribute.Key) string {
	v, ok := attr(s, key)
	if !ok {
		return ""
	}
	return v.String()
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
	unsampled := newRecorder(sdktrace.WithSampler(sdktrace.NeverSample()))
	return map[string]*recorder{"unsampled": unsampled}
}
