package tracetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// The recorder names where an operation was started that is still open: the line in the
// program, not in the library or in OpenTelemetry.
func TestRecorderOpen(t *testing.T) {
	leave := func(opts ...tracetest.Option) func(testing.TB) {
		return func(tb testing.TB) {
			rec := tracetest.NewRecorder(tb, opts...)
			_, s := rec.TracerProvider().Tracer("").Start(context.Background(), "left")
			ctx := trace.New(trace.WithTracerProvider(rec.Service("other"))).NewContext(context.Background())
			_, op := trace.Start(ctx, "lock")
			_, done := trace.Start(ctx, "done")
			done.End(nil)
			tb.Cleanup(func() { s.End(); op.End(nil) }) // before the recorder's
		}
	}
	passes(t, leave())
	start := func(tb testing.TB, opts ...tracetest.Option) {
		rec := tracetest.NewRecorder(tb, opts...)
		_, s := rec.TracerProvider().Tracer("").Start(context.Background(), "left")
		t.Cleanup(func() { s.End() })
		_, op := trace.Start(trace.New(trace.WithTracerProvider(rec.Service("other"))).NewContext(context.Background()), "lock")
		t.Cleanup(func() { op.End(nil) })
	}
	fails(t, "open", func(tb testing.TB) { start(tb) })
	passes(t, func(tb testing.TB) { start(tb, tracetest.WithOpenSpans(), nil) })
}

func TestRecorderChain(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	t.Setenv("OTEL_SERVICE_NAME", "wrong")
	global := otel.GetTracerProvider()
	rec := tracetest.NewRecorder(t, tracetest.WithDeterministicIDs())
	if otel.GetTracerProvider() != global {
		t.Error("the global provider has changed")
	}
	tr, there := rec.TracerProvider().Tracer("here"), rec.Service("there").Tracer("")
	if again := rec.Service("there").Tracer(""); again != there {
		t.Error("Service gives another provider each time")
	}
	ctx, parent := tr.Start(t.Context(), "parent", oteltrace.WithAttributes(attribute.Int("n", 1)))
	parent.SetAttributes(attribute.Int("n", 2), attribute.Int("m", 2))
	_, child := there.Start(ctx, "child", oteltrace.WithLinks(oteltrace.LinkFromContext(ctx)))
	child.SetStatus(codes.Error, "")
	child.End()
	// Attributes that an open span received later cannot be read, since they may change
	// meanwhile.
	tracetest.AssertTree(t, rec.Chain(), `
		parent open {n=1, !m}
			child [there] {status=error} -> parent
	`, tracetest.Exact())
	parent.End()
	c := rec.Chain()
	tracetest.AssertTree(t, c, `
		parent {m=2, n=2}
			child [there] {status=error} -> parent
	`, tracetest.Exact())
	tracetest.AssertTree(t, c, "parent []\n  child [there]")
	for i, s := range c.Spans {
		if s.SpanID != spanID(i+1) || s.TraceID != (oteltrace.TraceID{15: 1}) {
			t.Errorf("got ids %v %v of span %d", s.TraceID, s.SpanID, i+1)
		}
	}
	tracetest.AssertBefore(t, c, "parent", "child")
}

// Two spans of one goroutine are in order, whatever program they are of.
func TestRecorderOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // all times are equal
		rec := tracetest.NewRecorder(t, tracetest.WithService("s"))
		tr := rec.TracerProvider().Tracer("")
		for _, name := range []string{"first", "second"} {
			_, s := tr.Start(t.Context(), name)
			s.End()
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, s := tr.Start(t.Context(), "elsewhere")
			s.End()
		}()
		<-done
		c := rec.Chain()
		tracetest.AssertBefore(t, c, "first [s]", "second")
		for _, pair := range [][2]string{{"second", "first"}, {"second", "elsewhere"}, {"elsewhere", "second"}} {
			if got := failure(func(tb testing.TB) { tracetest.AssertBefore(tb, c, pair[0], pair[1]) }); got == "" {
				t.Errorf("%s before %s passes", pair[0], pair[1])
			}
		}
	})
}

func TestRecorderSampling(t *testing.T) {
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSampler(recordOnly{})))
	_, s := rec.TracerProvider().Tracer("").Start(t.Context(), "recorded, not sampled")
	s.End()
	tracetest.AssertTree(t, rec.Chain(), "")
}

type recordOnly struct{}

func (recordOnly) Description() string { return "records" }

func (recordOnly) ShouldSample(sdktrace.SamplingParameters) sdktrace.SamplingResult {
	return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly}
}

func TestRecorderWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		tr := rec.TracerProvider().Tracer("")
		start := time.Now()
		go func() {
			for i := range 4 {
				_, s := tr.Start(t.Context(), "tick", oteltrace.WithAttributes(attribute.Int("i", i)))
				time.Sleep(time.Second)
				s.End()
			}
		}()
		wait := func(want time.Duration, err error) {
			t.Helper()
			if got := time.Since(start); err != nil || got != want {
				t.Errorf("got %v after %v, want nil after %v", err, got, want)
			}
		}
		wait(1*time.Second, rec.Wait(t.Context(), tracetest.Line("tick {i=0}")))
		wait(1*time.Second, rec.Wait(t.Context(), tracetest.Name("tick"))) // it has ended already
		wait(3*time.Second, rec.WaitN(t.Context(), tracetest.Name("tick"), 3))
		synctest.Wait() // until the last goroutine waits
		wait(4*time.Second, rec.WaitEnded(t.Context()))
		wait(4*time.Second, rec.WaitEnded(t.Context()))

		cause := errors.New("tired of it")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		err := rec.Wait(ctx, tracetest.Name("never"))
		if !errors.Is(err, cause) || !strings.Contains(err.Error(), "wait for never: tired of it; in the chain\n") {
			t.Errorf("got error %v, want the cause, what was waited for and the chain", err)
		}
		if err := rec.Wait(ctx, tracetest.Line(`"`)); err == nil || errors.Is(err, cause) {
			t.Errorf("got error %v, want that the line is none", err)
		}
	})
}

// The recorder may be read and waited for, and may export, while spans end.
func TestRecorderConcurrentSafe(t *testing.T) {
	exp := sdktracetest.NewInMemoryExporter()
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithBatcher(exp), sdktrace.WithSyncer(exp)))
	const workers, each = 8, 50
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			tr := rec.Service(fmt.Sprint("s", w%3)).Tracer("")
			for range each {
				ctx, s := tr.Start(t.Context(), "op")
				_, below := tr.Start(ctx, "below")
				s.SetAttributes(attribute.Int("w", w))
				s.SetAttributes(attribute.Int("w", w+1))
				below.End()
				s.SetName("op again")
				s.End()
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			if err := rec.WaitN(t.Context(), tracetest.Line("op again {w}"), workers*each); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 10 {
				_ = rec.Chain().String()
			}
		})
	}
	wg.Wait()
	tracetest.AssertTree(t, rec.Chain(), "op again ×*\n below", tracetest.AnyOrder())
	if got := rec.Chain().Len(); got != 2*workers*each {
		t.Errorf("got %d spans, want %d", got, 2*workers*each)
	}
}

// A recorder also records the spans of a provider that it did not make.
func TestRecorderSpanProcessor(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec.SpanProcessor()))
	_, s := tp.Tracer("").Start(context.Background(), "op")
	tracetest.AssertTree(t, rec.Chain(), `op open`)
	s.End()
	tracetest.AssertTree(t, rec.Chain(), `op`)
	if err := tp.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// The recorder flushes its exporters at the end.
func TestRecorderExports(t *testing.T) {
	var exp exporter
	passes(t, func(tb testing.TB) {
		rec := tracetest.NewRecorder(tb, tracetest.WithProviderOptions(sdktrace.WithBatcher(&exp)))
		_, s := rec.TracerProvider().Tracer("").Start(context.Background(), "op")
		s.End()
	})
	if exp.spans != 1 {
		t.Errorf("got %d spans exported, want 1", exp.spans)
	}
	exp.err = errors.New("disk full")
	fails(t, "shutdown", func(tb testing.TB) {
		tracetest.NewRecorder(tb, tracetest.WithProviderOptions(sdktrace.WithSyncer(&exp))).TracerProvider()
	})
}

type exporter struct {
	spans int
	err   error
}

func (e *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.spans += len(spans)
	return nil
}

func (e *exporter) Shutdown(context.Context) error { return e.err }
