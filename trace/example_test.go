package trace_test

import (
	"context"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// printer prints each span when it ends, with the reason of its block, wake or end.
type printer struct{}

func (printer) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Print(s.Name())
		for _, a := range s.Attributes() {
			switch a.Key {
			case semconv.GoroutineStateKey:
				fmt.Print(" ", a.Value.AsString())
			}
		}
		fmt.Println()
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }

func Example() {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{}))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())

	values := make(chan int)
	task := trace.Go(ctx, "consumer", func(ctx context.Context) error {
		_, op := trace.Start(ctx, semconv.SpanRecv)
		op.Block(semconv.ReasonChanRecv)
		<-values
		op.Wake(semconv.WakeReceived)
		op.End(nil)
		return nil
	})
	values <- 1
	_ = task.Wait(context.Background())

	// Output:
	// block chan.recv
	// wake received
	// recv
	// consumer finished
}

func ExampleGo() {
	ctx := context.Background()
	jobs := trace.NewChan[string](1)
	worker := trace.Go(ctx, "worker", func(ctx context.Context) error {
		for job := range jobs.All(ctx) {
			fmt.Println(job)
		}
		return ctx.Err()
	})
	_ = jobs.Send(ctx, "compress") // where it has to wait, its wake links to the worker
	jobs.Close(ctx)
	fmt.Println(worker.Wait(ctx), worker.State())
	// Output:
	// compress
	// <nil> finished
}

func ExampleStart() {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{}))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())

	_, op := trace.Start(ctx, "fetch")
	op.Block(semconv.ReasonSemaphore)
	// Here the goroutine waits.
	op.Wake(semconv.WakeResolved)
	op.End(nil)

	// Output:
	// block semaphore
	// wake resolved
	// fetch
}

func ExampleHandle() {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{}))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())

	err := trace.Handle(ctx, "greet", func(context.Context) error {
		fmt.Println("hello")
		return nil
	})
	fmt.Println(err)

	// Output:
	// hello
	// greet finished
	// <nil>
}
