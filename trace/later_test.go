package trace_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// An operation whose span need not be has it once it comes to what it must.
func TestStartAs(t *testing.T) {
	failed := errors.New("failed")
	for _, test := range []struct {
		name   string
		show   core.Show
		change bool // to ShowBlocked after the first block
		err    error
		want   string
	}{
		{"all", core.ShowAll, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1} -> up
				block @0s 10ms {block.reason=net.read}
				wake @10ms 1ms {wake.reason=readable}
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"blocked", core.ShowBlocked, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1} -> up
				block @0s 10ms {block.reason=net.read}
				wake @10ms 1ms {wake.reason=readable}
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"blocked, from the second block on", core.ShowFailed, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1, spans.suppressed=2} -> up
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"failed", core.ShowFailed, false, failed, `
			work @0s 21ms {status=error, block.count=2, block.duration=0.02, error.type=_OTHER, n=1, spans.suppressed=4} -> up
		`},
		{"not failed", core.ShowFailed, false, nil, `
		`},
		{"none", core.ShowNone, true, failed, `
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				up, outer := trace.Start(ctx, "up")
				tracer := trace.FromContext(ctx)
				share := core.NewBudget(0)
				op := startBy(tracer, ctx, "work", core.Config{
					Show: test.show, Budget: share,
					Links: []oteltrace.Link{{SpanContext: oteltrace.SpanContextFromContext(up)}},
				})
				if got, want := op.SpanContext().IsValid(), test.show == core.ShowAll; got != want {
					t.Errorf("it has a span at once: got %v, want %v", got, want)
				}
				if test.show != core.ShowAll && op.Context() != ctx {
					t.Error("got another context, want the one it was started with")
				}
				op.SetAttributes(attribute.Int("n", 1))
				for i := range 2 {
					op.Block(semconv.ReasonNetRead)
					time.Sleep(10 * ms)
					op.Wake(semconv.WakeReadable)
					if test.change {
						core.Ref(op).SetShow(core.ShowBlocked)
					}
					if i == 0 {
						time.Sleep(ms)
					}
				}
				shown := op.SpanContext().IsValid()
				if got := oteltrace.SpanContextFromContext(op.Context()); shown && got.SpanID() != op.SpanContext().SpanID() {
					t.Errorf("its context carries %v, want %v", got, op.SpanContext())
				}
				op.End(test.err)
				tell := startBy(tracer, ctx, "next", core.Config{Budget: share})
				tell.End(nil)
				outer.End(nil)
				next := "next @21ms 0s"
				if strings.TrimSpace(test.want) == "" {
					next += " {spans.suppressed=5}"
				}
				tracetest.AssertTree(t, rec.Chain(), "\t\t\tup @0s 21ms"+test.want+next, whole...)
			})
		})
	}
}

// Of a share that is used up, an operation has no more blocks, and says how many.
func TestShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		share := core.NewBudget(4)
		op := startAs(ctx, "work", core.Config{Budget: share})
		for range 3 {
			op.Block(semconv.ReasonNetRead)
			time.Sleep(10 * ms)
			op.Wake(semconv.WakeReadable)
		}
		if share.Spent() {
			t.Error("three of four are spent")
		}
		share.Spend(1)
		if !share.Spent() || share.Next(1).Spent() || core.NewBudget(0).Spent() {
			t.Error("Spent does not tell that four of four are, and no others")
		}
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			work @0s 30ms {block.count=3, block.duration=0.03, spans.suppressed=4}
				block @0s 10ms {block.reason=net.read}
				wake @10ms 20ms {wake.reason=readable}
		`, whole...)
		if got, want := share.Wanted(), int64(8); got != want {
			t.Errorf("wanted: got %d, want %d", got, want)
		}
		if got := share.Suppressed(); got != 0 {
			t.Errorf("got %d that were told, want 0", got)
		}
	})
}

// A block with which the operation ends has no wake, and none is counted as left out.
func TestShareOfABlockInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		share := core.NewBudget(1)
		op := startAs(ctx, "work", core.Config{Budget: share})
		op.Block(semconv.ReasonLock)
		time.Sleep(10 * ms)
		op.End(context.Canceled)
		hidden := startAs(ctx, "hidden", core.Config{Budget: share, Show: core.ShowNone})
		hidden.Block(semconv.ReasonLock)
		time.Sleep(10 * ms)
		hidden.End(context.Canceled)
		next := core.NewBudget(1)
		wide := startAs(ctx, "wide", core.Config{Budget: next.Next(2)})
		wide.Block(semconv.ReasonLock)
		time.Sleep(10 * ms)
		wide.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			work @0s 10ms {block.duration=0.01, error.type=canceled, status=error, spans.suppressed=1}
			wide @20ms 10ms {block.duration=0.01}
				block @20ms 10ms {block.reason=lock}
		`, whole...)
		if got, want := share.Suppressed(), int64(2); got != want {
			t.Errorf("left out behind it: got %d, want %d", got, want)
		}
	})
}

func TestShareConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	share := core.NewBudget(100)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				op := startAs(ctx, "work", core.Config{Budget: share, Show: core.Show(i % 4)})
				op.Block(semconv.ReasonLock)
				core.Ref(op).SetShow(core.ShowBlocked)
				_, _, _ = op.SpanContext(), op.Context(), op.Wants(0)
				op.Wake(semconv.WakeUnlocked)
				op.End(nil)
			}
		})
	}
	wg.Wait()
	if got, want := share.Wanted(), int64(8*50*3); got != want {
		t.Errorf("made and left out: got %d, want %d", got, want)
	}
}

// A nil Share is no bound.
func TestShareNil(t *testing.T) {
	var share *core.Budget
	share.Spend(1)
	if share.Spent() || share.Suppressed() != 0 || share.Wanted() != 0 {
		t.Error("a nil share bounds something")
	}
}
