package sched_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/sched"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// The span of a stall names a file in which the goroutine is blocked.
func TestWatch(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
	r := sched.NewRecorder()
	start(t, r)
	stop := live.Watch(ctx, live.WithStallAfter(time.Millisecond), live.WithTrace(sched.OnStall(r, t.TempDir())))
	defer stop()

	var mu trace.Mutex
	if err := mu.LockContext(ctx); err != nil {
		t.Fatal(err)
	}
	worker := trace.Go(ctx, "worker", func(ctx context.Context) error {
		if err := mu.LockContext(ctx); err != nil {
			return err
		}
		mu.Unlock()
		return nil
	})
	var file string
	for file == "" && t.Context().Err() == nil {
		<-time.After(time.Millisecond)
		for _, s := range chain.New(chain.FromSpans(spans.Ended())).Named(semconv.SpanStalled) {
			if name := s.Str(semconv.StalledTraceKey); name != "" {
				file = name // spans within the cool-down name none
			}
		}
	}
	mu.Unlock()
	if err := worker.Wait(ctx); err != nil {
		t.Fatal(err)
	}

	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tr, err := schedread.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	c := chain.New(tr.Spans())
	open := 0
	for _, b := range c.Named(semconv.SpanBlock) {
		if b.End.IsZero() && b.Parent.Str(semconv.CodeFunctionNameKey) != "" {
			open++
		}
	}
	if open == 0 {
		t.Errorf("nothing is blocked in the trace:\n%v", c)
	}
}
