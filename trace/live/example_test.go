package live_test

import (
	"context"
	"fmt"
	"runtime"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// A snapshot shows what is blocked now, and on what.
func ExampleSnapshot() {
	ctx := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider())).NewContext(context.Background())
	users := trace.NewMutex(trace.WithName("users"))
	users.Lock(ctx)
	task := trace.Go(ctx, "update", func(ctx context.Context) error {
		users.Lock(ctx)
		users.Unlock()
		return nil
	})
	for task.State() != semconv.StateBlocked {
		runtime.Gosched()
	}
	for _, g := range live.Snapshot().Goroutines {
		for _, w := range g.Waits {
			fmt.Println(g.Name, "waits for the", w.On.Kind, w.On.Name)
		}
	}
	users.Unlock()
	_ = task.Wait(ctx)
	// Output: update waits for the mutex users
}
