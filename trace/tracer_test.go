package trace_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestTracerContext(t *testing.T) {
	a, b := trace.New(), trace.New()
	ctx := a.NewContext(t.Context())
	if got := trace.FromContext(ctx); got != a {
		t.Errorf("got %p, want %p", got, a)
	}
	if got := a.NewContext(ctx); got != ctx {
		t.Error("a context that has the tracer: got another context, want the same")
	}
	if got := trace.FromContext(b.NewContext(ctx)); got != b {
		t.Errorf("the last one: got %p, want %p", got, b)
	}
	if got := trace.FromContext(t.Context()); got == nil || got == a || got == b {
		t.Errorf("no tracer in the context: got %p, want the default one", got)
	}
}

// Another tracer inside a goroutine still adds to the goroutine's totals.
func TestTracerContextKeepsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		other, otherRec := record(t)
		_ = trace.Handle(ctx, "g", func(ctx context.Context) error {
			block := func(_ context.Context, op trace.Op) {
				op.Block(semconv.ReasonSleep)
				time.Sleep(ms)
				op.Wake(semconv.WakeTimer)
				op.End(nil)
			}
			block(trace.Start(trace.FromContext(other).NewContext(ctx), "a"))
			block(trace.FromContext(other).Start(ctx, "b"))
			return nil
		})
		tracetest.AssertTree(t, rec.Chain(), `
			g @0s 2ms {block.count=2, block.duration=0.002, goroutine.blocked.sleep=0.002, goroutine.id, goroutine.name=g, goroutine.running=0, goroutine.state=finished, block.longest.duration=0.001, block.longest.reason=sleep, block.longest.span}
		`, whole...)
		tracetest.AssertTree(t, otherRec.Chain(), `
			a @0s 1ms {block.duration=0.001}
				block @0s 1ms {block.reason=sleep}
				wake @1ms 0s {wake.reason=timer}
			b @1ms 1ms {block.duration=0.001}
				block @1ms 1ms {block.reason=sleep}
				wake @2ms 0s {wake.reason=timer}
		`, whole...)
	})
}

// The provider of the program, set once for the whole test binary: the global
// one delegates once.
var globalExporter = sync.OnceValue(func() *sdktracetest.InMemoryExporter {
	exp := sdktracetest.NewInMemoryExporter()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exp)))
	return exp
})

func TestDefaultProvider(t *testing.T) {
	early := trace.New(trace.WithTracerProvider(nil), nil)
	exp := globalExporter()
	for name, ctx := range map[string]context.Context{
		"no tracer in the context": t.Context(),
		"made before":              early.NewContext(t.Context()),
		"made after":               trace.New().NewContext(t.Context()),
	} {
		exp.Reset()
		_, op := trace.Start(ctx, "op")
		op.End(nil)
		spans := exp.GetSpans()
		if len(spans) != 1 {
			t.Errorf("%s: got %d spans, want 1", name, len(spans))
			continue
		}
		if got := spans[0].InstrumentationScope; got.Name != trace.ScopeName || got.Version != trace.Version {
			t.Errorf("%s: scope: got %q %q, want %q %q", name, got.Name, got.Version, trace.ScopeName, trace.Version)
		}
	}
}

func TestWithMinBlockLastWins(t *testing.T) {
	ctx, _ := record(t, trace.WithMinBlock(time.Hour), nil, trace.WithMinBlock(ms))
	_, op := trace.Start(ctx, "op")
	defer op.End(nil)
	if !op.Wants(ms) {
		t.Error("Wants(1ms): got false, want true")
	}
}

func TestTracerSpan(t *testing.T) {
	ctx, rec := record(t)
	opts := make([]oteltrace.SpanStartOption, 1, 4)
	opts[0] = oteltrace.WithAttributes(attribute.Int("n", 1))
	at := time.Now().Add(-time.Minute)
	if !core.Of(trace.FromContext(ctx)).Records(ctx) {
		t.Error("Records: got false")
	}
	child, span := core.Of(trace.FromContext(ctx)).Span(ctx, "step", at, opts...)
	if got, want := oteltrace.SpanFromContext(child), span; got != want {
		t.Errorf("context carries %v, want %v", got, want)
	}
	span.End()
	if got := tracetest.One(t, rec.Chain(), "step"); !got.Start.Equal(at) || got.Int("n") != 1 {
		t.Errorf("got start %v and n=%v, want %v and 1", got.Start, got.Int("n"), at)
	}
	if opts[:2][1] != nil {
		t.Error("an option was written into the caller's array")
	}

	child, span = core.Of(new(trace.Tracer)).Span(ctx, "step", at, opts...)
	if span != nil || child != ctx {
		t.Errorf("zero Tracer: got %v and %v, want nil and the caller's context", span, child)
	}
}

// A provider that records nothing without being known for it leaves the
// context as it is.
func TestTracerSpanNotRecording(t *testing.T) {
	tracer := trace.New(trace.WithTracerProvider(struct{ noop.TracerProvider }{}))
	ctx := tracer.NewContext(t.Context())
	child, span := core.Of(tracer).Span(ctx, "step", time.Now())
	if span != nil || child != ctx {
		t.Errorf("Span: got %v and %v, want nil and the caller's context", span, child)
	}
	child, op := trace.Start(ctx, "op")
	if op.Valid() || child != ctx {
		t.Errorf("Start: got %v and %v, want nil and the caller's context", op, child)
	}
}

func TestTracerRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		attrs := make([]attribute.KeyValue, 1, 4)
		attrs[0] = attribute.Int("n", 1)
		tracer, start := trace.FromContext(ctx), time.Now()
		time.Sleep(5 * ms)
		ctx, op := trace.Start(ctx, "op")
		core.Of(tracer).Record(ctx, "dns", start, start.Add(2*ms), "", nil, attrs...)
		core.Of(tracer).Record(ctx, "connect", start.Add(2*ms), start.Add(3*ms), "connection_refused", errors.New("refused"), attrs...)
		core.Of(tracer).Record(ctx, "tls", start.Add(3*ms), start, "", nil) // never ends before it starts
		core.Of(new(trace.Tracer)).Record(ctx, "no", start, start, "", nil)
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			op @5ms 0s
				dns @0s 2ms {n=1}
				connect @2ms 1ms {status=error, error.type=connection_refused, n=1}
				tls @3ms 0s
		`, whole...)
		if attrs[:2][1].Valid() {
			t.Error("an attribute was written into the caller's array")
		}
	})
}
