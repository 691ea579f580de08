package trace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

var shows = map[string]core.Show{
	"all": core.ShowAll, "blocked": core.ShowBlocked, "failed": core.ShowFailed, "none": core.ShowNone,
}

// dirty makes an operation with every kind of state.
func dirty(ctx context.Context, show core.Show) trace.Op {
	other := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceFlags: oteltrace.FlagsSampled,
	})
	op := startAs(ctx, "dirty", core.Config{
		Show: show, Budget: core.NewBudget(4), Links: []oteltrace.Link{{SpanContext: other}},
	}, attribute.Int("dirty.start", 1))
	op.SetAttributes(attribute.Int("dirty.set", 2))
	for range 4 { // more than the budget
		op.Block(semconv.ReasonNetWrite, trace.Evidence(attribute.Int("dirty.park", 3)))
		time.Sleep(ms)
		op.Wake(semconv.WakePeerRead, trace.CausedBy(other), trace.Evidence(attribute.Int("dirty.wake", 4)))
	}
	op.Link(other)
	op.Block(semconv.ReasonLock)
	return op
}

// The next operation in the memory of another has nothing of it, and a stale reference does
// nothing to it.
func TestReuse(t *testing.T) {
	for name, show := range shows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dirtied, _ := record(t)
				var stale []trace.Op
				for range 10 {
					_ = trace.Handle(dirtied, "goroutine", func(ctx context.Context) error {
						op := dirty(ctx, show)
						op.End(errors.New("failed"), attribute.Int("dirty.end", 5))
						stale = append(stale, op)
						return nil
					})
					for _, show := range shows {
						ctx, rec := record(t)
						next := startAs(ctx, "next", core.Config{Show: show})
						if shown := next.SpanContext().IsValid(); shown != (show == core.ShowAll) || !shown && next.Context() != ctx {
							t.Errorf("it has the span %v at its start", next.SpanContext().SpanID())
						}
						for _, op := range stale {
							op.Block(semconv.ReasonLock)
							op.SetAttributes(attribute.Int("stale", 1))
							op.Link(next.SpanContext())
							op.Wake(semconv.WakeUnlocked)
							op.WokenBy(next.SpanContext())
							op.End(errors.New("stale"))
							if op.SpanContext().IsValid() || op.Wants(time.Hour) || op.Context() != context.Background() || op.Task() != nil {
								t.Error("a method of an operation that has ended returned something")
							}
						}
						next.Wake(semconv.WakeTimer) // is not blocked
						time.Sleep(ms)
						next.End(nil)
						stale = append(stale, next)
						want := ""
						if show == core.ShowAll {
							want = "next @0s 1ms"
						}
						tracetest.AssertTree(t, rec.Chain(), want, whole...)
					}
				}
			})
		})
	}
}

// The context of an operation carries its span even after its memory was reused.
func TestReuseContext(t *testing.T) {
	for name, show := range shows {
		t.Run(name, func(t *testing.T) {
			ctx, _ := record(t)
			for range 20 {
				op := startAs(ctx, "op", core.Config{Show: show})
				op.Block(semconv.ReasonLock)
				op.Wake(semconv.WakeUnlocked)
				carried, want := op.Context(), op.SpanContext()
				op.End(nil)
				next := startAs(ctx, "next", core.Config{})
				_ = next.Context()
				next.End(nil)
				if got := oteltrace.SpanContextFromContext(carried); !got.Equal(want) {
					t.Errorf("got the span %v, want %v", got.SpanID(), want.SpanID())
				}
				if carried.Done() != ctx.Done() || trace.FromContext(carried) != trace.FromContext(ctx) {
					t.Error("it does not have the values that it was started with")
				}
			}
		})
	}
}

// keeper is a provider whose spans keep all slices that are passed to them, and have the
// methods of the SDK's.
type keeper struct {
	oteltrace.TracerProvider
	attrs  kept[attribute.KeyValue]
	starts kept[oteltrace.SpanStartOption]
	ends   kept[oteltrace.SpanEndOption]
}

type kept[T any] struct{ is, was [][]T }

func (k *kept[T]) keep(s []T) {
	if len(s) > 0 {
		k.is, k.was = append(k.is, s), append(k.was, slices.Clone(s))
	}
}

func (k *kept[T]) want(t *testing.T, what string) {
	t.Helper()
	if len(k.is) == 0 {
		t.Errorf("got no %s", what)
	}
	for i := range k.is {
		if got, want := fmt.Sprint(k.is[i]), fmt.Sprint(k.was[i]); got != want { // options hold functions
			t.Errorf("%s were changed afterwards: got %s, want %s", what, got, want)
		}
	}
}

func (k *keeper) Tracer(name string, opts ...oteltrace.TracerOption) oteltrace.Tracer {
	return keepingTracer{k.TracerProvider.Tracer(name, opts...), k}
}

type keepingTracer struct {
	oteltrace.Tracer
	k *keeper
}

func (kt keepingTracer) Start(ctx context.Context, name string, opts ...oteltrace.SpanStartOption) (context.Context, oteltrace.Span) {
	kt.k.starts.keep(opts)
	ctx, s := kt.Tracer.Start(ctx, name, opts...) //nolint:spancheck // who asked for it ends it
	own := &keepingSpan{s.(sdktrace.ReadWriteSpan), kt.k}
	return oteltrace.ContextWithSpan(ctx, own), own //nolint:spancheck // likewise
}

type keepingSpan struct {
	sdktrace.ReadWriteSpan
	k *keeper
}

func (s *keepingSpan) SetAttributes(attrs ...attribute.KeyValue) {
	s.k.attrs.keep(attrs)
	s.ReadWriteSpan.SetAttributes(attrs...)
}

func (s *keepingSpan) End(opts ...oteltrace.SpanEndOption) {
	s.k.ends.keep(opts)
	s.ReadWriteSpan.End(opts...)
}

// Slices that are passed to a provider other than the SDK's are not changed afterwards.
func TestReuseWithKeeper(t *testing.T) {
	k := &keeper{TracerProvider: tracetest.NewRecorder(t).TracerProvider()}
	ctx := trace.New(trace.WithTracerProvider(k)).NewContext(t.Context())
	for range 4 {
		for _, show := range []core.Show{core.ShowAll, core.ShowBlocked} {
			op := dirty(ctx, show)
			op.End(nil, attribute.Int("end", 1))
		}
	}
	k.attrs.want(t, "attributes")
	k.starts.want(t, "options of a start")
	k.ends.want(t, "options of an end")
}

var sizes = schema([]attribute.KeyValue{attribute.Bool("fixed", true)}, "text", "size", "index")

// An operation that ends with facts has their attributes, of the first End.
func TestEndWithFacts(t *testing.T) {
	values := func(n int64) core.Facts {
		return core.Facts{Of: sizes, Text: "id", Ints: [core.MaxInts]int64{n, n + 1}}
	}
	for name, show := range shows {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				endWith(trace.Op{}, values(1))
				ctx, rec := record(t)
				op := startAs(ctx, "op", core.Config{Show: show}, attribute.Int("first", 0))
				op.Block(semconv.ReasonLock)
				time.Sleep(ms)
				op.Wake(semconv.WakeUnlocked)
				op.SetAttributes(attribute.Int("size", -1)) // the later one holds
				endWith(op, values(1))
				endWith(op, values(3))
				op.End(errors.New("late"))
				want := ""
				if show <= core.ShowBlocked {
					want = `
						op @0s 1ms {block.duration=0.001, first=0, fixed=true, index=2, size=1, text=id}
							block @0s 1ms {block.reason=lock}
							wake @1ms 0s {wake.reason=unlocked}
					`
				}
				tracetest.AssertTree(t, rec.Chain(), want, whole...)
			})
		})
	}
}

// If there are only metrics, a block that ends with its operation is measured once.
func TestEndWithFactsMetricsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := metric.NewManualReader()
		tracer := trace.New(trace.WithTracerProvider(noop.NewTracerProvider()),
			trace.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader))))
		for range 2 { // the second one in the memory of the first
			op := startBy(tracer, t.Context(), "op", core.Config{})
			op.Block(semconv.ReasonLock)
			time.Sleep(time.Second)
			if op.SpanContext().IsValid() || op.Context() != t.Context() {
				t.Error("it has a span")
			}
			for range 2 {
				endWith(op, core.Facts{Of: sizes})
			}
		}
		var data metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &data); err != nil {
			t.Fatal(err)
		}
		for _, scope := range data.ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name != semconv.MetricBlockDuration {
					continue
				}
				p := m.Data.(metricdata.Histogram[float64]).DataPoints[0]
				if p.Count != 2 || p.Sum != 2 {
					t.Errorf("got %d blocks of %v s, want 2 of 2 s", p.Count, p.Sum)
				}
				return
			}
		}
		t.Error("no block was measured")
	})
}

// An operation that the sampler refuses leaves nothing behind.
func TestStartAsRefused(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	for name, tp := range map[string]oteltrace.TracerProvider{
		"sdk":  sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		"lean": lean.NewTracerProvider(lean.WithSampler(sdktrace.NeverSample())),
	} {
		tracer := trace.New(trace.WithTracerProvider(tp))
		bare := tp.Tracer(trace.ScopeName)
		want := testing.AllocsPerRun(100, func() { bare.Start(context.Background(), "op") }) //nolint:spancheck // none is recorded
		got := testing.AllocsPerRun(100, func() {
			if op := startBy(tracer, context.Background(), "op", core.Config{}); op.Valid() {
				t.Error("it is recorded")
			}
		})
		if got > want {
			t.Errorf("%s: got %v allocations, want the %v of the provider", name, got, want)
		}
	}
}
