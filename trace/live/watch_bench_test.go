package live_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// BenchmarkLook measures one look at 10,000 connections, each with a goroutine that waits
// for the next message.
func BenchmarkLook(b *testing.B) {
	p := lean.NewTracerProvider()
	ctx := trace.New(trace.WithTracerProvider(p)).NewContext(b.Context())
	var readers []*trace.Task
	for range 5_000 {
		get, start := wstest.Pipe(b, wstest.WithClient(wsconn.WithTracerProvider(p)), wstest.WithServer(wsconn.WithTracerProvider(p)))
		for _, c := range []*wsconn.Conn{get, start} {
			task := trace.Go(ctx, "reader", func(ctx context.Context) error {
				_, _, err := c.Read(ctx)
				return err
			})
			readers = append(readers, task)
			b.Cleanup(func() { task.Cancel(nil); <-task.Done() })
		}
	}
	for _, task := range readers {
		for task.State() != semconv.StateBlocked {
			runtime.Gosched()
		}
	}
	look := live.Look()
	b.ReportAllocs()
	for b.Loop() {
		look()
	}
}
