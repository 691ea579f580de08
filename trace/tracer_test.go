package trace_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
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
		ctx, rec := record(t.Context())
		other, otherRec := record(t.Context())
		_ = trace.Handle(ctx, "g", func(ctx context.Context) error {
			block := func(_ context.Context, op *trace.Op) {
				op.Block(trace.ReasonSleep)
				time.Sleep(ms)
				op.Wake(trace.WakeTimer)
				op.End(nil)
			}
			block(trace.Start(trace.FromContext(other).NewContext(ctx), "a"))
			block(trace.FromContext(other).Start(ctx, "b"))
			return nil
		})
		wantTree(t, rec, `
		go g 0-0 goroutine.id=ID goroutine.name=g
		  g 0-2 block.count=2 block.duration=0.002 goroutine.blocked.sleep=0.002 goroutine.id=ID goroutine.name=g goroutine.running=0 goroutine.state=finished
		`)
		wantTree(t, otherRec, `
		a 0-1 block.count=1 block.duration=0.001
		  block 0-1 block.reason=sleep
		  wake 1-1 wake.reason=timer
		b 1-2 block.count=1 block.duration=0.001
		  block 1-2 block.reason=sleep
		  wake 2-2 wake.reason=timer
		`)
	})
}

// The provider of the program, set once for the whole test binary: the global
// one delegates once.
var globalRecorder = sync.OnceValue(func() *tracetest.SpanRecorder {
	rec := tracetest.NewSpanRecorder()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec)))
	return rec
})

func TestDefaultProvider(t *testing.T) {
	early := trace.New(trace.WithTracerProvider(nil), nil)
	rec := globalRecorder()
	for name, ctx := range map[string]context.Context{
		"no tracer in the context": t.Context(),
		"made before":              early.NewContext(t.Context()),
		"made after":               trace.New().NewContext(t.Context()),
	} {
		rec.Reset()
		_, op := trace.Start(ctx, "op")
		op.End(nil)
		if got := len(rec.Ended()); got != 1 {
			t.Errorf("%s: got %d spans, want 1", name, got)
			continue
		}
		if got := rec.Ended()[0].InstrumentationScope(); got.Name != trace.ScopeName || got.Version != trace.Version {
			t.Errorf("%s: scope: got %q %q, want %q %q", name, got.Name, got.Version, trace.ScopeName, trace.Version)
		}
	}
}

func TestWithMinBlockLastWins(t *testing.T) {
	ctx, _ := record(t.Context(), trace.WithMinBlock(time.Hour), nil, trace.WithMinBlock(ms))
	_, op := trace.Start(ctx, "op")
	defer op.End(nil)
	if !op.Shows(ms) {
		t.Error("Shows(1ms): got false, want true")
	}
}

func TestTracerSpan(t *testing.T) {
	ctx, rec := record(t.Context())
	opts := make([]oteltrace.SpanStartOption, 1, 4)
	opts[0] = oteltrace.WithAttributes(attribute.Int("n", 1))
	at := time.Now().Add(-time.Minute)
	if !trace.FromContext(ctx).Records(ctx) {
		t.Error("Records: got false")
	}
	child, span := trace.FromContext(ctx).Span(ctx, "step", at, opts...)
	if got, want := oteltrace.SpanFromContext(child), span; got != want {
		t.Errorf("context carries %v, want %v", got, want)
	}
	span.End()
	if got := rec.Ended()[0]; !got.StartTime().Equal(at) || attr(got, "n").AsInt64() != 1 {
		t.Errorf("got start %v and n=%v, want %v and 1", got.StartTime(), attr(got, "n").AsInt64(), at)
	}
	if opts[:2][1] != nil {
		t.Error("an option was written into the caller's array")
	}

	child, span = new(trace.Tracer).Span(ctx, "step", at, opts...)
	if span != nil || child != ctx {
		t.Errorf("zero Tracer: got %v and %v, want nil and the caller's context", span, child)
	}
}

// A provider that records nothing without being known for it leaves the
// context as it is.
func TestTracerSpanNotRecording(t *testing.T) {
	tracer := trace.New(trace.WithTracerProvider(struct{ noop.TracerProvider }{}))
	ctx := tracer.NewContext(t.Context())
	child, span := tracer.Span(ctx, "step", time.Now())
	if span != nil || child != ctx {
		t.Errorf("Span: got %v and %v, want nil and the caller's context", span, child)
	}
	child, op := trace.Start(ctx, "op")
	if op != nil || child != ctx {
		t.Errorf("Start: got %v and %v, want nil and the caller's context", op, child)
	}
}

func TestTracerRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		attrs := make([]attribute.KeyValue, 1, 4)
		attrs[0] = attribute.Int("n", 1)
		tracer, start := trace.FromContext(ctx), time.Now()
		time.Sleep(5 * ms)
		ctx, op := trace.Start(ctx, "op")
		tracer.Record(ctx, "dns", start, start.Add(2*ms), "", attrs...)
		tracer.Record(ctx, "connect", start.Add(2*ms), start.Add(3*ms), "connection_refused", attrs...)
		tracer.Record(ctx, "tls", start.Add(3*ms), start, "") // never ends before it starts
		new(trace.Tracer).Record(ctx, "no", start, start, "")
		op.End(nil)
		wantTree(t, rec, `
		op 5-5
		  dns 0-2 n=1
		  connect 2-3 Error error.type=connection_refused n=1
		  tls 3-3
		`)
		if attrs[:2][1].Valid() {
			t.Error("an attribute was written into the caller's array")
		}
	})
}
