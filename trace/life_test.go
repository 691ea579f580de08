package trace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// exported has the spans of a provider without a recorder, in the order of their ends.
type exported struct {
	oteltracetest.InMemoryExporter
	provider oteltrace.TracerProvider
}

// exporters are the providers whose spans are compared.
func exporters() map[string]*exported {
	sdk, own := &exported{}, &exported{}
	sdk.provider = sdktrace.NewTracerProvider(sdktrace.WithSyncer(&sdk.InMemoryExporter))
	own.provider = lean.NewTracerProvider(lean.WithSyncer(&own.InMemoryExporter))
	return map[string]*exported{"sdk": sdk, "lean": own}
}

func (e *exported) context(ctx context.Context, opts ...trace.Option) context.Context {
	return trace.New(append([]trace.Option{trace.WithTracerProvider(e.provider)}, opts...)...).NewContext(ctx)
}

func (e *exported) chain() *chain.Chain {
	return chain.New(chain.FromSpans(e.GetSpans().Snapshots()), chain.WithoutSkewCorrection())
}

// What the program sets through the context of a goroutine is set on its span.
func TestGoroutineSpan(t *testing.T) {
	for name, e := range exporters() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := func(ctx context.Context) error {
					span := oteltrace.SpanFromContext(ctx)
					if !span.IsRecording() {
						t.Error("the span does not record")
					}
					span.SetAttributes(attribute.String("user.id", "u7"))
					span.AddEvent("paid")
					span.SetStatus(codes.Error, "out of stock")
					span.SetName("order")
					span.End() // whose end is the goroutine's
					time.Sleep(ms)
					if !span.IsRecording() {
						t.Error("the span has ended before its goroutine")
					}
					return nil
				}
				if err := trace.Go(e.context(t.Context()), "work", work).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := e.GetSpans()
				if len(got) != 1 {
					t.Fatalf("got %d spans, want one", len(got))
				}
				s := got[0]
				if s.Name != "order" || s.EndTime.Sub(s.StartTime) != ms || s.Status.Description != "out of stock" ||
					len(s.Events) != 1 || !slices.Contains(s.Attributes, attribute.String("user.id", "u7")) ||
					!slices.Contains(s.Attributes, semconv.GoroutineNameKey.String("work")) {
					t.Errorf("got %+v", s)
				}
				run := e.chain().Spans[0]
				if !run.IsGoroutine() || run.GoroutineName() != "work" || run.Life() != run {
					t.Errorf("%v: the chain does not know its goroutine", run)
				}
			})
		})
	}
}

// A goroutine that lives long has a second span, and each has the totals of its time.
func TestMaxOpen(t *testing.T) {
	for name, e := range exporters() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var meanwhile string
				work := func(ctx context.Context) error {
					set := func(n int) { oteltrace.SpanFromContext(ctx).SetAttributes(attribute.Int("n", n)) }
					set(1)
					_ = trace.Sleep(ctx, 3*time.Second)
					_ = trace.Sleep(ctx, 4*time.Second)
					set(2)
					meanwhile = e.chain().Spans[0].Str(semconv.GoroutineStateKey)
					time.Sleep(time.Second)
					_ = trace.Sleep(ctx, time.Second)
					return errors.New("broken")
				}
				if err := trace.Go(e.context(t.Context()), "work", work).Wait(t.Context()); err == nil {
					t.Fatal("got no error")
				}
				if meanwhile != string(semconv.StateRunning) {
					t.Errorf("while it lived: got the state %q exported, want running", meanwhile)
				}
				tracetest.AssertTree(t, e.chain(), `
					work @0s 5s {goroutine.state=running, n=1, goroutine.start_delay=0, block.count=2, block.duration=5, goroutine.blocked.sleep=5, goroutine.running=0, !error.type}
						sleep @0s 3s
							block sleep @0s 3s
							wake timer @3s 0s
						sleep @3s 4s
							block sleep @3s 4s
							wake timer @7s 0s
						work @5s 4s {status=error, goroutine.state=failed, n=2, !goroutine.start_delay, block.count=2, block.duration=3, goroutine.blocked.sleep=3, goroutine.running=1, error.type=_OTHER} -> work
						sleep @8s 1s
							block sleep @8s 1s
							wake timer @9s 0s
				`)
				run := e.chain().Roots[0]
				if rest := run.Rest(); rest == nil || run.Life() != rest || rest.IsGoroutine() || run.Lived() != 9*time.Second || run.Blocked() != 8*time.Second {
					t.Errorf("%v: got the rest %v, lived %v, blocked %v", run, rest, run.Lived(), run.Blocked())
				}
			})
		})
	}
}

// If a block had ended when a span was cut, but was reported only later, nothing of it
// counts for the next span.
func TestBlockEndsBeforeCut(t *testing.T) {
	for name, e := range exporters() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				work := func(ctx context.Context) error {
					_, op := trace.Start(ctx, "op")
					op.Block(semconv.ReasonLock)
					time.Sleep(4 * time.Second)
					at := time.Now()
					time.Sleep(2 * time.Second)
					op.Wake(semconv.WakeUnlocked, trace.At(at))
					op.End(nil)
					return nil
				}
				if err := trace.Go(e.context(t.Context()), "work", work).Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				tracetest.AssertTree(t, e.chain(), `
					work @0s 5s {block.duration=5, goroutine.running=0}
						op @0s 6s
							block lock @0s 4s
							wake unlocked @4s 2s
						work @5s 1s {block.duration=0, goroutine.running=1, goroutine.blocked.lock=0} -> work
				`)
			})
		})
	}
}

// The limit is 5 s by default, and none with a recorder. WithMaxOpen overrides both.
func TestMaxOpenLimits(t *testing.T) {
	both := "first rest"
	for _, test := range []struct {
		name     string
		opts     []trace.Option
		lives    time.Duration
		exported string
		recorded string
	}{
		{"default", nil, 5*time.Second + 1, both, "all"},
		{"default, and short", nil, 5*time.Second - 1, "all", "all"},
		{"chosen", []trace.Option{trace.WithMaxOpen(time.Hour), trace.WithMaxOpen(time.Second)}, 2 * time.Second, both, both},
		{"none", []trace.Option{trace.WithMaxOpen(time.Second), trace.WithMaxOpen(0)}, time.Hour, "all", "all"},
		{"none, by less than that", []trace.Option{trace.WithMaxOpen(-1)}, time.Hour, "all", "all"},
	} {
		states := func(c *chain.Chain) string {
			var parts []string
			for _, s := range c.Named("work") {
				switch {
				case s.Rest() != nil:
					parts = append(parts, "first")
				case s.IsGoroutine():
					parts = append(parts, "all")
				default:
					parts = append(parts, "rest")
				}
			}
			return strings.Join(parts, " ")
		}
		work := func(context.Context) error { time.Sleep(test.lives); return nil }
		for name, e := range exporters() {
			t.Run(name+"/"+test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					for range 2 { // one after the other
						e.Reset()
						_ = trace.Handle(e.context(t.Context(), test.opts...), "work", work)
						if got := states(e.chain()); got != test.exported {
							t.Errorf("got %q, want %q", got, test.exported)
						}
					}
				})
			})
		}
		t.Run("recorder/"+test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := tracetest.NewRecorder(t)
				own := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec.SpanProcessor()))
				for i, tp := range []oteltrace.TracerProvider{rec.TracerProvider(), own} {
					ctx := trace.New(append([]trace.Option{trace.WithTracerProvider(tp)}, test.opts...)...).NewContext(t.Context())
					_ = trace.Handle(ctx, "work", work)
					want := strings.TrimSpace(strings.Repeat(test.recorded+" ", i+1))
					if got := states(rec.Chain()); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
				}
			})
		})
	}
}

// Attributes that are set while the first span is exported are on one of the two.
func TestMaxOpenConcurrent(t *testing.T) {
	for name, e := range exporters() {
		t.Run(name, func(t *testing.T) {
			const n = 200
			ctx := e.context(t.Context(), trace.WithMaxOpen(time.Millisecond))
			_ = trace.Handle(ctx, "work", func(ctx context.Context) error {
				span := oteltrace.SpanFromContext(ctx)
				first := span.SpanContext()
				for i := 0; i < n || len(e.GetSpans()) == 0; i++ {
					span.SetAttributes(attribute.Bool(fmt.Sprint(i%n), true))
				}
				if !span.SpanContext().Equal(first) {
					t.Error("the span below which others are is another one")
				}
				return nil
			})
			got := map[attribute.Key]bool{}
			for _, s := range e.GetSpans() {
				for _, a := range s.Attributes {
					got[a.Key] = true
				}
			}
			for i := range 100 { // within the SDK's limit of attributes
				if key := attribute.Key(fmt.Sprint(i)); !got[key] {
					t.Errorf("attribute %s is on no span", key)
				}
			}
			if len(e.GetSpans()) != 2 {
				t.Errorf("got %d spans, want two", len(e.GetSpans()))
			}
		})
	}
}
