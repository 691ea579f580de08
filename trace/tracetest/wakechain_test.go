package tracetest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// TestOfWakechain shows how exact a test of this module's spans can be.
func TestOfWakechain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
		c := trace.NewChan[int](0, trace.WithName("values"))
		reader := trace.Go(ctx, "reader", func(ctx context.Context) error {
			if err := trace.Sleep(ctx, 2*time.Second); err != nil {
				return err
			}
			_, err := c.Recv(ctx)
			return err
		})
		writer := trace.Go(ctx, "writer", func(ctx context.Context) error { return c.Send(ctx, 1) })
		if err := writer.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := reader.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		got := rec.Chain()
		tracetest.AssertTree(t, got, `
			reader @0s 2s {block.duration=2, goroutine.blocked.sleep=2, goroutine.id, goroutine.name=reader, goroutine.running=0, goroutine.state=finished, goroutine.start_delay=0, block.longest.duration=2, block.longest.reason=sleep, block.longest.span}
				sleep @0s 2s {block.duration=2}
					block @0s 2s {block.reason=sleep}
					wake @2s 0s {wake.reason=timer}
			writer @0s 2s {block.duration=2, goroutine.blocked.chan.send=2, goroutine.id, goroutine.name=writer, goroutine.running=0, goroutine.state=finished, goroutine.start_delay=0, block.longest.duration=2, block.longest.reason=chan.send, block.longest.span}
				send @0s 2s {block.duration=2, sync.name=values}
					block @0s 2s {block.reason=chan.send}
					wake @2s 0s {wake.reason=sent} -> reader
		`, tracetest.WithTimes(), tracetest.Exact())
		tracetest.AssertOrder(t, got, "sleep", "wake {wake.reason=timer}", "wake {wake.reason=sent}")
		tracetest.AssertLinked(t, got, "wake {wake.reason=sent}", "reader")
		tracetest.AssertBefore(t, got, "reader", "writer") // one goroutine called Go twice
		send := tracetest.One(t, got, "send")
		tracetest.AssertBlocked(t, send, semconv.ReasonChanSend, "", 1, 2*time.Second)
		for _, s := range got.Spans {
			tracetest.AssertTiled(t, s)
		}
	})
}
