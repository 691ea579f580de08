package lean_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	rtrace "runtime/trace"
	"slices"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	exptrace "golang.org/x/exp/trace"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

// names returns the names of an exporter's spans.
func names(e *tracetest.InMemoryExporter) (names []string) {
	for _, s := range e.GetSpans() {
		names = append(names, s.Name)
	}
	return names
}

func op(ctx context.Context, name string) {
	_, op := trace.Start(ctx, name)
	op.End(nil)
}

// A provider's processors receive the spans of all its tracers.
func TestProcessors(t *testing.T) {
	one, two := tracetest.NewInMemoryExporter(), tracetest.NewInMemoryExporter()
	tp := lean.NewTracerProvider(lean.WithBatcher(one))
	ctx := within(t, tp)
	other := func(name string) {
		_, s := tp.Tracer("other").Start(ctx, name)
		s.End()
	}
	op(ctx, "a")
	other("b")
	second := sdktrace.NewSimpleSpanProcessor(two)
	tp.RegisterSpanProcessor(second)
	op(ctx, "c")
	other("d")
	tp.UnregisterSpanProcessor(second)
	tp.UnregisterSpanProcessor(second)
	op(ctx, "e")
	if got := names(one); len(got) > 0 {
		t.Errorf("got %v before they are flushed", got)
	}
	if err := tp.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	// If all processors are batch processors, lean spans come in bursts.
	if got, want := names(one), []string{"b", "a", "c", "d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	op(ctx, "f")
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	op(ctx, "g")
	tp.RegisterSpanProcessor(second)
	op(ctx, "h")
	if got := names(two); len(got) > 0 {
		t.Errorf("got %v after Shutdown", got)
	}
	if _, s := tp.Tracer(trace.ScopeName).Start(ctx, "i"); s.IsRecording() {
		t.Error("a tracer records that was made after Shutdown")
	}
}

// filter passes on some spans, as an example in the SDK's documentation does.
type filter struct{ sdktrace.SpanProcessor }

func (f filter) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.Name() != "no" {
		f.SpanProcessor.OnEnd(renamed{s})
	}
}

type renamed struct{ sdktrace.ReadOnlySpan }

func (r renamed) Name() string { return "filtered " + r.ReadOnlySpan.Name() }

func TestFilter(t *testing.T) {
	e := tracetest.NewInMemoryExporter()
	tp := lean.NewTracerProvider(lean.WithSpanProcessor(filter{sdktrace.NewSimpleSpanProcessor(e)}))
	ctx := within(t, tp)
	op(ctx, "no")
	op(ctx, "yes")
	if got, want := names(e), []string{"filtered yes"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A lean span between two of the SDK's: all are in one trace.
func TestMixed(t *testing.T) {
	both(t, setting{mixed: true}, func(t *testing.T, tp provider) {
		ctx, above := tp.Tracer("other").Start(within(t, tp), "above")
		ctx, o := trace.Start(ctx, "op")
		_, below := oteltrace.SpanFromContext(ctx).TracerProvider().Tracer("other").Start(ctx, "below")
		below.End()
		o.End(nil)
		above.End()
	})
}

// A lean provider may be set as the global one, even after package trace has begun to use
// that.
func TestGlobal(t *testing.T) {
	e := tracetest.NewInMemoryExporter()
	before := otel.GetTracerProvider()
	early := trace.New()
	otel.SetTracerProvider(lean.NewTracerProvider(lean.WithSyncer(e)))
	defer otel.SetTracerProvider(before)
	ctx := early.NewContext(t.Context())
	if got := testing.AllocsPerRun(10, func() { op(ctx, "early") }); got > 5 && !race {
		t.Errorf("got %v allocations, want as few as not through the global provider", got)
	}
	op(trace.New().NewContext(t.Context()), "late")
	if got := names(e); len(got) != 12 || got[0] != "early" || got[11] != "late" {
		t.Errorf("got %v, want 11 early and one late", got)
	}
}

func TestSamplerFromEnv(t *testing.T) {
	for _, tt := range []struct{ sampler, arg string }{
		{"", ""},
		{"always_on", ""},
		{"always_off", ""},
		{"ALWAYS_OFF", ""},
		{"traceidratio", "0"},
		{"traceidratio", "0.5"},
		{"traceidratio", "2"},
		{"traceidratio", "x"},
		{"traceidratio", ""},
		{"parentbased_always_on", ""},
		{"parentbased_always_off", ""},
		{"parentbased_traceidratio", "0.5"},
		{"parentbased_traceidratio", "-1"},
		{"unheard_of", ""},
	} {
		t.Run(tt.sampler+" "+tt.arg, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", tt.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", tt.arg)
			quiet(t)
			both(t, setting{}, func(t *testing.T, tp provider) {
				ctx := within(t, tp)
				for i := range 8 {
					id := oteltrace.TraceID{1, 8: byte(i * 32)}
					for _, flags := range []oteltrace.TraceFlags{0, oteltrace.FlagsSampled} {
						parent := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: id, SpanID: oteltrace.SpanID{1}, TraceFlags: flags})
						_, s := tp.Tracer(trace.ScopeName).Start(oteltrace.ContextWithRemoteSpanContext(ctx, parent), "x")
						s.End()
					}
					op(ctx, "root")
				}
			})
		})
	}
}

// quiet discards the SDK's log messages about the environment.
func quiet(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Log(err) })) })
}

func TestResource(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "from=env")
	r := resource.NewSchemaless(attribute.String("service.name", "x"))
	e := tracetest.NewInMemoryExporter()
	tp := lean.NewTracerProvider(lean.WithSyncer(e), lean.WithResource(r), lean.WithoutPanicRecording())
	ctx := within(t, tp)
	op(ctx, "a")
	_, s := tp.Tracer("other").Start(ctx, "b")
	s.End()
	got := e.GetSpans()
	if a, b := got[0].Resource, got[1].Resource; !a.Equal(b) || a.Len() != 2 {
		t.Errorf("got the resource %v, want %v as of the SDK", a, b)
	}
}

// Below an unsampled root the context has an unsampled span of the same provider, and
// operations allocate nothing.
func TestUnsampled(t *testing.T) {
	tp := lean.NewTracerProvider(lean.WithSampler(sdktrace.NeverSample()))
	ctx, o := trace.Start(within(t, tp), "root")
	sc := oteltrace.SpanContextFromContext(ctx)
	if o.Valid() || !sc.IsValid() || sc.IsSampled() {
		t.Errorf("got the operation %v in %v, want none in a context that is not sampled", o, sc)
	}
	if got := oteltrace.SpanFromContext(ctx).TracerProvider(); got != oteltrace.TracerProvider(tp) {
		t.Errorf("TracerProvider: got %v, want %v", got, tp)
	}
	if got := testing.AllocsPerRun(100, func() { op(ctx, "below") }); got > 0 && !race {
		t.Errorf("got %v allocations below it, want none", got)
	}
}

// While the execution tracer runs, each span that the API begins is a task of it. An
// operation costs the same as without the tracer.
func TestTasks(t *testing.T) {
	if rtrace.IsEnabled() {
		t.Skip("did not run: go test -trace")
	}
	tasks := func(tp oteltrace.TracerProvider, f func(context.Context)) (types []string) {
		var b bytes.Buffer
		if err := rtrace.Start(&b); err != nil {
			t.Fatal(err)
		}
		f(within(t, tp))
		rtrace.Stop()
		r, err := exptrace.NewReader(&b)
		if err != nil {
			t.Fatal(err)
		}
		ended := 0
		for {
			e, err := r.ReadEvent()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch e.Kind() {
			case exptrace.EventTaskBegin:
				types = append(types, e.Task().Type)
			case exptrace.EventTaskEnd:
				ended++
			}
		}
		if ended != len(types) {
			t.Errorf("got %d tasks, of which %d ended", len(types), ended)
		}
		return types
	}
	handle := func(ctx context.Context) {
		_ = trace.Handle(ctx, "handler", func(context.Context) error { return nil })
	}
	want := tasks(sdktrace.NewTracerProvider(), handle)
	if got := tasks(lean.NewTracerProvider(), handle); !slices.Equal(got, want) || len(got) != 1 {
		t.Errorf("a goroutine: got the tasks %v, want %v", got, want)
	}
	waits := func(ctx context.Context) {
		_, o := trace.Start(ctx, "op")
		o.Block(semconv.ReasonLock)
		o.Wake(semconv.WakeUnlocked)
		o.End(nil)
	}
	if got := tasks(lean.NewTracerProvider(), waits); len(got) > 0 {
		t.Errorf("an operation: got the tasks %v, want none", got)
	}
	if race {
		return
	}
	var without, with float64
	allocs := func(ctx context.Context) float64 { return testing.AllocsPerRun(100, func() { waits(ctx) }) }
	without = allocs(within(t, lean.NewTracerProvider()))
	tasks(lean.NewTracerProvider(), func(ctx context.Context) { with = allocs(ctx) })
	if with > without+2 { // a message of the trace each for begin and end
		t.Errorf("got %v allocations while the tracer runs, want %v as without, and two", with, without)
	}
}

func TestSpanConcurrentSafe(t *testing.T) {
	e := tracetest.NewInMemoryExporter()
	tp := lean.NewTracerProvider(lean.WithBatcher(e))
	ctx, o := trace.Start(within(t, tp), "op")
	s := oteltrace.SpanFromContext(ctx).(sdktrace.ReadWriteSpan)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s.SetAttributes(attribute.Int(string(rune('a'+i)), i))
			s.AddEvent("event")
			_, _, _, _ = s.Attributes(), s.Events(), s.Status(), s.EndTime()
			o.Block(semconv.ReasonLock)
			o.Wake(semconv.WakeUnlocked)
			op(ctx, "below")
		})
		wg.Go(func() { o.End(nil) })
		wg.Go(func() { _ = tp.ForceFlush(t.Context()) })
	}
	wg.Wait()
	if err := tp.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
