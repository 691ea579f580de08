package lean_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean"
)

const (
	burst = 256
	delay = time.Second
)

// batches returns a provider that exports its only batch once it has burst spans.
func batches(t *testing.T) (*keeper, *lean.TracerProvider) {
	var k keeper
	tp := lean.NewTracerProvider(lean.WithBatcher(&k, sdktrace.WithMaxExportBatchSize(burst), sdktrace.WithBatchTimeout(time.Hour)))
	t.Cleanup(func() {
		if err := tp.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return &k, tp
}

// others adds n spans of another tracer to the batch.
func others(t *testing.T, tp *lean.TracerProvider, n int) {
	for range n {
		_, s := tp.Tracer("other").Start(t.Context(), "other")
		s.End()
	}
}

func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, tp := batches(t)
		ctx := within(t, tp)
		others(t, tp, burst/2)
		var want []string
		for i := range burst {
			if synctest.Wait(); len(k.names()) > 0 {
				t.Fatalf("got %d spans after %d", len(k.names()), i)
			}
			want = append(want, fmt.Sprint(i))
			op(ctx, want[i])
		}
		synctest.Wait()
		if got, want := k.names()[burst/2:], want[:burst/2]; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if err := tp.ForceFlush(ctx); err != nil {
			t.Error(err)
		}
		if got := k.names()[burst/2:]; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// A span waits for a second; for less if the timer of an earlier span expires first.
func TestBurstDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, tp := batches(t)
		ctx := within(t, tp)
		wantAfter := func(d time.Duration) {
			t.Helper()
			others(t, tp, burst-1-len(k.names())%burst)
			before := len(k.names())
			time.Sleep(d - 1)
			if synctest.Wait(); len(k.names()) > before {
				t.Errorf("got a span before %v", d)
			}
			time.Sleep(time.Nanosecond)
			if synctest.Wait(); len(k.names()) != before+burst {
				t.Errorf("got no span after %v", d)
			}
		}
		op(ctx, "first")
		wantAfter(delay)
		op(ctx, "second")
		time.Sleep(delay / 4)
		if err := tp.ForceFlush(ctx); err != nil {
			t.Error(err)
		}
		time.Sleep(delay / 4)
		op(ctx, "third")
		others(t, tp, burst-1)
		synctest.Wait()
		before := len(k.names())
		time.Sleep(delay/2 - 1)
		if synctest.Wait(); len(k.names()) != before {
			t.Error("got the third before the timer is due")
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); len(k.names()) != before+burst {
			t.Errorf("got %d spans, want %d", len(k.names())-before, burst)
		}
	})
}

// A synctest bubble that ends stops its timer. A later bubble hands over its spans.
func TestBurstOfBubble(t *testing.T) {
	for _, age := range []time.Duration{0, time.Hour} {
		t.Run(age.String(), func(t *testing.T) { leave(t, age) })
	}
}

func leave(t *testing.T, age time.Duration) {
	exported := make(chan int, 1)
	tp := lean.NewTracerProvider(lean.WithBatcher(exporter(func(spans []sdktrace.ReadOnlySpan) { exported <- len(spans) }),
		sdktrace.WithMaxExportBatchSize(burst)))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	others(t, tp, burst-3)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(age)
		op(within(t, tp), "left")
	})
	synctest.Test(t, func(t *testing.T) {
		op(within(t, tp), "early")
		time.Sleep(2 * delay)
		op(within(t, tp), "later")
		time.Sleep(delay)
	})
	select {
	case got := <-exported:
		if got != burst {
			t.Errorf("got %d spans, want %d", got, burst)
		}
	case <-time.After(time.Minute):
		t.Error("the spans were not handed over")
	}
}

// exporter is a function as an exporter.
type exporter func([]sdktrace.ReadOnlySpan)

func (f exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	f(spans)
	return nil
}

func (exporter) Shutdown(context.Context) error { return nil }

// Spans are gathered in bursts only where nobody can tell the difference.
func TestGathers(t *testing.T) {
	for name, tt := range map[string]struct {
		timeout time.Duration
		opts    []sdktrace.BatchSpanProcessorOption
		others  func() sdktrace.SpanProcessor
		want    bool
	}{
		"default":     {5 * time.Second, nil, nil, true},
		"a second":    {time.Second, nil, nil, true},
		"short delay": {time.Second - 1, nil, nil, false},
		"blocking":    {time.Second, []sdktrace.BatchSpanProcessorOption{sdktrace.WithBlocking()}, nil, false},
		"short queue": {time.Second, []sdktrace.BatchSpanProcessorOption{sdktrace.WithMaxQueueSize(8*burst - 1)}, nil, false},
		"long enough": {time.Second, []sdktrace.BatchSpanProcessorOption{sdktrace.WithMaxQueueSize(8 * burst)}, nil, true},
		"small batch": {time.Second, []sdktrace.BatchSpanProcessorOption{sdktrace.WithMaxExportBatchSize(burst - 1)}, nil, false},
		"simple":      {time.Second, nil, func() sdktrace.SpanProcessor { return sdktrace.NewSimpleSpanProcessor(nil) }, false},
		"own":         {time.Second, nil, func() sdktrace.SpanProcessor { return onStart{} }, false},
		"wrapped":     {time.Second, nil, func() sdktrace.SpanProcessor { return wrapped{sdktrace.NewBatchSpanProcessor(nil)} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var k keeper
				tp := lean.NewTracerProvider(lean.WithBatcher(&k, append(tt.opts, sdktrace.WithBatchTimeout(tt.timeout))...))
				if tt.others != nil {
					tp.RegisterSpanProcessor(tt.others())
				}
				time.Sleep(tt.timeout - delay/4)
				op(within(t, tp), "op")
				time.Sleep(delay / 2)
				if got := len(k.all()) == 0; got != tt.want {
					t.Errorf("got a burst: %t, want %t", got, tt.want)
				}
				if err := tp.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if got := len(k.all()); got != 1 {
					t.Errorf("got %d spans, want the one", got)
				}
			})
		})
	}
}

// With a stuck exporter, ForceFlush and Shutdown return when their context ends, even
// while a goroutine waits in the end of a span.
func TestStuckExporter(t *testing.T) {
	t.Run("ForceFlush", func(t *testing.T) { stuck(t, (*lean.TracerProvider).ForceFlush) })
	t.Run("Shutdown", func(t *testing.T) { stuck(t, (*lean.TracerProvider).Shutdown) })
}

func stuck(t *testing.T, stop func(*lean.TracerProvider, context.Context) error) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		tp := lean.NewTracerProvider(lean.WithBatcher(exporter(func([]sdktrace.ReadOnlySpan) { <-release }),
			sdktrace.WithMaxExportBatchSize(burst), sdktrace.WithMaxQueueSize(8*burst), sdktrace.WithBlocking()))
		ctx := within(t, tp)
		go func() {
			for range 16 * burst {
				op(ctx, "op")
			}
		}()
		synctest.Wait()
		over, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		// One of the two: after it the SDK leaves a goroutine that waits for a lock, which
		// stops the bubble's clock.
		if err := stop(tp, over); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		close(release)
		if err := tp.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

// Spans that ended before Shutdown are exported. Later ones are not.
func TestBurstShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keeper
		tp := lean.NewTracerProvider(lean.WithBatcher(&k))
		ctx := within(t, tp)
		op(ctx, "before")
		if err := tp.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		op(ctx, "after")
		time.Sleep(time.Hour)
		tp.UnregisterSpanProcessor(onStart{})
		for _, f := range []func(context.Context) error{tp.ForceFlush, tp.Shutdown} {
			if err := f(ctx); err != nil {
				t.Error(err)
			}
		}
		if got, want := k.names(), []string{"before"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// A span goes to the processors that were registered when it ended.
func TestBurstRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var one, two keeper
		tp := lean.NewTracerProvider(lean.WithBatcher(&one))
		ctx := within(t, tp)
		second := sdktrace.NewBatchSpanProcessor(&two)
		op(ctx, "a")
		tp.RegisterSpanProcessor(second)
		op(ctx, "b")
		tp.UnregisterSpanProcessor(second)
		op(ctx, "c")
		if err := tp.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if got, want := one.names(), []string{"a", "b", "c"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got, want := two.names(), []string{"b"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v of the second", got, want)
		}
	})
}
