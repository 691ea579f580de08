package chain_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Spans of package trace make a tree: two goroutines, and a channel between them.
func TestTreeOfTheTracer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := tracetest.NewSpanRecorder()
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder),
			sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"))))
		ctx := trace.New(trace.WithTracerProvider(provider)).NewContext(t.Context())

		values := make(chan oteltrace.SpanContext)
		consumer := trace.Go(ctx, "consumer", func(ctx context.Context) error {
			for range 20 {
				_, op := trace.Start(ctx, semconv.SpanRecv)
				op.Block(semconv.ReasonChanRecv)
				sender := <-values
				op.Wake(semconv.WakeReceived, trace.CausedBy(sender))
				op.End(nil)
			}
			return nil
		})
		time.Sleep(time.Microsecond) // else the two might start at the same time, in either order
		producer := trace.Go(ctx, "producer", func(ctx context.Context) error {
			for range 20 {
				time.Sleep(2 * time.Millisecond)
				_, op := trace.Start(ctx, semconv.SpanSend)
				values <- op.SpanContext()
				time.Sleep(time.Microsecond)
				op.End(nil)
			}
			return nil
		})
		if err := producer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := consumer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := provider.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}

		c := chain.New(chain.FromSpans(recorder.Ended()))
		golden(t, "tree/tracer.txt", c.String())
		sends, wakes := c.Named(semconv.SpanSend), c.Named(semconv.SpanWake)
		for i, wake := range wakes {
			if !c.HappensBefore(sends[i], wake) || c.HappensBefore(wake, sends[i]) {
				t.Errorf("%v does not happen before %v, which it woke", sends[i], wake)
			}
		}
		if c.HappensBefore(wakes[0], sends[1]) {
			t.Error("nothing says that the producer waits for the consumer")
		}
	})
}
