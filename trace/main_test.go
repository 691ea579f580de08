package trace_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// provider returns a provider with a processor: the SDK's or, where .ci/run says
// so, a lean one.
func provider(p sdktrace.SpanProcessor) oteltrace.TracerProvider {
	if os.Getenv("WAKECHAIN_LEAN") != "" {
		return lean.NewTracerProvider(lean.WithSpanProcessor(p))
	}
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))
}

// record returns a context whose spans go to the recorder.
func record(ctx context.Context, opts ...trace.Option) (context.Context, *tracetest.SpanRecorder) {
	rec := tracetest.NewSpanRecorder()
	tp := provider(rec)
	opts = append([]trace.Option{trace.WithTracerProvider(tp)}, opts...)
	return trace.New(opts...).NewContext(ctx), rec
}

// tree writes every span that ended, one per line, children below their parent
// in the order of their start: times in milliseconds from the first start, then
// status, attributes and links. The goroutine's number is written as ID.
func tree(rec *tracetest.SpanRecorder) string {
	spans := rec.Ended()
	name := map[oteltrace.SpanID]string{}
	children := map[oteltrace.SpanID][]sdktrace.ReadOnlySpan{}
	var origin time.Time
	for _, s := range spans {
		name[s.SpanContext().SpanID()] = s.Name()
		if origin.IsZero() || s.StartTime().Before(origin) {
			origin = s.StartTime()
		}
	}
	for _, s := range spans {
		parent := s.Parent().SpanID()
		if name[parent] == "" {
			parent = oteltrace.SpanID{} // not of this recorder
		}
		children[parent] = append(children[parent], s)
	}
	var b strings.Builder
	ms := func(t time.Time) string { return fmt.Sprint(float64(t.Sub(origin)) / float64(time.Millisecond)) }
	var walk func(oteltrace.SpanID, string)
	walk = func(parent oteltrace.SpanID, indent string) {
		slices.SortStableFunc(children[parent], func(a, b sdktrace.ReadOnlySpan) int {
			return cmp.Or(a.StartTime().Compare(b.StartTime()), a.EndTime().Compare(b.EndTime()))
		})
		for _, s := range children[parent] {
			fmt.Fprintf(&b, "%s%s %s-%s", indent, s.Name(), ms(s.StartTime()), ms(s.EndTime()))
			if st := s.Status(); st.Code != codes.Unset || st.Description != "" {
				fmt.Fprintf(&b, " %s%s", st.Code, st.Description)
			}
			attrs := slices.Clone(s.Attributes())
			slices.SortFunc(attrs, func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
			for _, a := range attrs {
				v := a.Value.String()
				if a.Key == trace.GoroutineIDKey {
					v = "ID"
				}
				fmt.Fprintf(&b, " %s=%s", a.Key, v)
			}
			for _, l := range s.Links() {
				fmt.Fprintf(&b, " -> %s", cmp.Or(name[l.SpanContext.SpanID()], l.SpanContext.SpanID().String()))
			}
			b.WriteByte('\n')
			walk(s.SpanContext().SpanID(), indent+"  ")
		}
	}
	walk(oteltrace.SpanID{}, "")
	return b.String()
}

// wantTree compares the whole set of spans, and that none is left open.
func wantTree(t *testing.T, rec *tracetest.SpanRecorder, want string) {
	t.Helper()
	if got := tree(rec); got != unindent(want) {
		t.Errorf("spans:\ngot\n%swant\n%s", got, unindent(want))
	}
	if got, want := len(rec.Started()), len(rec.Ended()); got != want {
		t.Errorf("got %d spans started, %d ended", got, want)
	}
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

func attr(s sdktrace.ReadOnlySpan, key attribute.Key) attribute.Value {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

// goroutine is the runtime's number of the calling goroutine.
func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}

// wantShape compares the spans as wantTree does, by their names, times, reasons,
// states, errors and links alone, and without an order of the roots.
func wantShape(t *testing.T, rec *tracetest.SpanRecorder, want string) {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(tree(rec)) {
		var kept []string
		for i, word := range strings.Split(strings.TrimRight(line, "\n"), " ") {
			key, value, ok := strings.Cut(word, "=")
			switch attribute.Key(key) {
			case trace.BlockReasonKey, trace.WakeReasonKey, trace.GoroutineStateKey, trace.ErrorTypeKey, trace.SelectCaseKey:
				kept = append(kept, value)
			default:
				if !ok || i == 0 {
					kept = append(kept, word)
				}
			}
		}
		b.WriteString(strings.Join(kept, " ") + "\n")
	}
	if got, want := sortRoots(b.String()), sortRoots(unindent(want)); got != want {
		t.Errorf("spans:\ngot\n%swant\n%s", got, want)
	}
	if got, want := len(rec.Started()), len(rec.Ended()); got != want {
		t.Errorf("got %d spans started, %d ended", got, want)
	}
}

func sortRoots(tree string) string {
	var roots []string
	for line := range strings.Lines(tree) {
		if strings.HasPrefix(line, " ") && len(roots) > 0 {
			roots[len(roots)-1] += line
		} else {
			roots = append(roots, line)
		}
	}
	slices.Sort(roots)
	return strings.Join(roots, "")
}

func spanName(rec *tracetest.SpanRecorder, id oteltrace.SpanID) string {
	for _, s := range rec.Ended() {
		if s.SpanContext().SpanID() == id {
			return s.Name()
		}
	}
	return ""
}
