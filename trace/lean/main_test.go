package lean_test

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting are ids that two providers make alike.
type counting struct{ n atomic.Uint64 }

func (c *counting) NewIDs(ctx context.Context) (id oteltrace.TraceID, _ oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], c.n.Add(1))
	return id, c.NewSpanID(ctx, id)
}

func (c *counting) NewSpanID(context.Context, oteltrace.TraceID) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], c.n.Add(1))
	return id
}

// A setting is what both providers are made with.
type setting struct {
	limits    *sdktrace.SpanLimits
	sampler   sdktrace.Sampler
	processor sdktrace.SpanProcessor // before the recorder
	mixed     bool                   // spans of both kinds, which do not count each other
}

type provider interface {
	oteltrace.TracerProvider
	RegisterSpanProcessor(sdktrace.SpanProcessor)
	UnregisterSpanProcessor(sdktrace.SpanProcessor)
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

var (
	_ provider = (*sdktrace.TracerProvider)(nil)
	_ provider = (*lean.TracerProvider)(nil)
)

// both runs f with the SDK's provider and with a lean one, each in a bubble of
// fake time, and compares what was exported.
func both(t *testing.T, s setting, f func(t *testing.T, tp provider)) (want tracetest.SpanStubs) {
	t.Helper()
	record := func(make func(e sdktrace.SpanExporter) provider) (stubs tracetest.SpanStubs) {
		e := tracetest.NewInMemoryExporter()
		synctest.Test(t, func(t *testing.T) {
			tp := make(e)
			f(t, tp)
			stubs = e.GetSpans()
			if err := tp.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return stubs
	}
	want = record(func(e sdktrace.SpanExporter) provider {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithIDGenerator(new(counting)), sdktrace.WithSampler(s.sampler)}
		if s.limits != nil {
			opts = append(opts, sdktrace.WithRawSpanLimits(*s.limits))
		}
		if s.processor != nil {
			opts = append(opts, sdktrace.WithSpanProcessor(s.processor))
		}
		return sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(e))...)
	})
	got := record(func(e sdktrace.SpanExporter) provider {
		opts := []lean.Option{lean.WithIDGenerator(new(counting)), lean.WithSampler(s.sampler), nil}
		if s.limits != nil {
			opts = append(opts, lean.WithRawSpanLimits(*s.limits))
		}
		if s.processor != nil {
			opts = append(opts, lean.WithSpanProcessor(s.processor))
		}
		return lean.NewTracerProvider(append(opts, lean.WithSyncer(e))...)
	})
	if len(got) != len(want) {
		t.Fatalf("got %d spans, want %d as of the SDK", len(got), len(want))
	}
	for i := range got {
		if s.mixed {
			got[i].ChildSpanCount, want[i].ChildSpanCount = 0, 0
		}
		if got, want := text(t, got[i]), text(t, want[i]); got != want {
			t.Errorf("span %d:\ngot\n%s\nwant as of the SDK\n%s", i, got, want)
		}
	}
	return want
}

// within returns a context with a Tracer on tp.
func within(t *testing.T, tp oteltrace.TracerProvider, opts ...trace.Option) context.Context {
	return trace.New(append(opts, trace.WithTracerProvider(tp))...).NewContext(t.Context())
}
