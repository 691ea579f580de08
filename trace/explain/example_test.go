package explain_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// quiet stands for a test's t, for the recorder.
type quiet struct{ testing.TB }

func (quiet) Helper()        {}
func (quiet) Cleanup(func()) {}

func Example() {
	rec := tracetest.NewRecorder(quiet{})
	ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(context.Background())
	users := trace.NewMutex(trace.WithName("users"))
	g, own := trace.NewGroup(ctx)
	for range 4 {
		g.Go(own, "update", func(ctx context.Context) error {
			users.Lock(ctx)
			defer users.Unlock()
			return trace.Sleep(ctx, 50*time.Millisecond)
		})
	}
	_ = g.Wait(ctx)
	for _, f := range explain.Explain(rec.Chain()) {
		if f.Rule == explain.Contended { // "Up to 3 at once waited for the lock users: 3 times, 300 ms in all"
			fmt.Println(f.Severity, f.Rule)
		}
	}
	// Output: warning contended
}
