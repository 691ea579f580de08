package lean_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"sync"
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

// counting is a generator of ids that gives two providers the same ones.
type counting struct{ n atomic.Uint64 }

func (c *counting) NewIDs(ctx context.Context) (id oteltrace.TraceID, _ oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], c.n.Add(1))
	return id, c.NewSpanID(ctx, id)
}

func (c *counting) NewSpanID(context.Context, oteltrace.TraceID) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], c.n.Add(1))
	return id
}

// setting is how both providers are configured.
type setting struct {
	limits    *sdktrace.SpanLimits
	sampler   sdktrace.Sampler
	processor sdktrace.SpanProcessor // registered before the recorder
	mixed     bool                   // spans of lean and of the SDK, which are not counted as each other's children
	random    bool                   // ids are random, and compared by their position
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

// keeper is an exporter that keeps spans, even after Shutdown.
type keeper struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (k *keeper) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spans = append(k.spans, spans...)
	return nil
}

func (*keeper) Shutdown(context.Context) error { return nil }

func (k *keeper) all() []sdktrace.ReadOnlySpan {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.spans)
}

func (k *keeper) names() (names []string) {
	for _, s := range k.all() {
		names = append(names, s.Name())
	}
	return names
}

// parts returns how many spans are parts.
func (k *keeper) parts() (n int) {
	for _, s := range k.all() {
		if fmt.Sprintf("%T", s) == "*lean.part" {
			n++
		}
	}
	return n
}

// both runs f with the SDK's provider and with a lean one, each in a bubble of fake time,
// and compares the exported spans. With a generator of ids every span is a full one. If no
// sampler or processor needs to see the spans begin, it also compares with random ids,
// where some spans are parts.
func both(t *testing.T, s setting, f func(t *testing.T, tp provider)) (want tracetest.SpanStubs, parts int) {
	t.Helper()
	if want, parts = compare(t, s, f); parts > 0 {
		t.Errorf("got %d parts with a generator of ids, want none", parts)
	}
	if s.sampler == nil && s.processor == nil && os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		s.random = true
		want, parts = compare(t, s, f)
	}
	return want, parts
}

func compare(t *testing.T, s setting, f func(t *testing.T, tp provider)) (want tracetest.SpanStubs, parts int) {
	t.Helper()
	record := func(make func(e sdktrace.SpanExporter) provider) (tracetest.SpanStubs, int) {
		var k keeper
		synctest.Test(t, func(t *testing.T) {
			tp := make(&k)
			f(t, tp)
			if err := tp.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return tracetest.SpanStubsFromReadOnlySpans(k.spans), k.parts()
	}
	want, _ = record(func(e sdktrace.SpanExporter) provider {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithSampler(s.sampler)}
		if !s.random {
			opts = append(opts, sdktrace.WithIDGenerator(new(counting)))
		}
		if s.limits != nil {
			opts = append(opts, sdktrace.WithRawSpanLimits(*s.limits))
		}
		if s.processor != nil {
			opts = append(opts, sdktrace.WithSpanProcessor(s.processor))
		}
		return sdktrace.NewTracerProvider(append(opts, sdktrace.WithSyncer(e))...)
	})
	got, parts := record(func(e sdktrace.SpanExporter) provider {
		opts := []lean.Option{lean.WithSampler(s.sampler), nil}
		if !s.random {
			opts = append(opts, lean.WithIDGenerator(new(counting)))
		}
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
	gotIDs, wantIDs := ids{}, ids{}
	for i := range got {
		if s.mixed {
			got[i].ChildSpanCount, want[i].ChildSpanCount = 0, 0
		}
		if got, want := gotIDs.text(t, got[i]), wantIDs.text(t, want[i]); got != want {
			t.Errorf("span %d:\ngot\n%s\nwant as of the SDK\n%s", i, got, want)
		}
	}
	return want, parts
}

// within returns a context with a Tracer of tp.
func within(t *testing.T, tp oteltrace.TracerProvider, opts ...trace.Option) context.Context {
	return trace.New(append(opts, trace.WithTracerProvider(tp))...).NewContext(t.Context())
}
