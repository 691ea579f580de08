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

// An operation that is not always shown has a span from the first event that shows it.
func TestShow(t *testing.T) {
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
				budget := core.NewBudget(0)
				op := startBy(tracer, ctx, "work", core.Config{
					Show: test.show, Budget: budget,
					Links: []oteltrace.Link{{SpanContext: oteltrace.SpanContextFromContext(up)}},
				})
				if got, want := op.SpanContext().IsValid(), test.show == core.ShowAll; got != want {
					t.Errorf("it has a span from the start: got %v, want %v", got, want)
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
				after := startBy(tracer, ctx, "next", core.Config{Budget: budget})
				after.End(nil)
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

// When the budget is used up, the blocks of an operation have no spans, and its span states
// how many were suppressed.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		budget := core.NewBudget(4)
		op := startAs(ctx, "work", core.Config{Budget: budget})
		for range 3 {
			op.Block(semconv.ReasonNetRead)
			time.Sleep(10 * ms)
			op.Wake(semconv.WakeReadable)
		}
		if budget.Spent() {
			t.Error("three of four are spent")
		}
		budget.Spend(1)
		if !budget.Spent() || budget.Next(1).Spent() || core.NewBudget(0).Spent() {
			t.Error("Spent: want true for four of four, and false for other budgets")
		}
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			work @0s 30ms {block.count=3, block.duration=0.03, spans.suppressed=4}
				block @0s 10ms {block.reason=net.read}
				wake @10ms 20ms {wake.reason=readable}
		`, whole...)
		if got, want := budget.Wanted(), int64(8); got != want {
			t.Errorf("wanted: got %d, want %d", got, want)
		}
		if got := budget.Suppressed(); got != 0 {
			t.Errorf("got %d suppressed spans that were not stated, want 0", got)
		}
	})
}

// A block that ends with its operation has no wake, and none counts as suppressed.
func TestBudgetOfLastBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		budget := core.NewBudget(1)
		op := startAs(ctx, "work", core.Config{Budget: budget})
		op.Block(semconv.ReasonLock)
		time.Sleep(10 * ms)
		op.End(context.Canceled)
		hidden := startAs(ctx, "hidden", core.Config{Budget: budget, Show: core.ShowNone})
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
		if got, want := budget.Suppressed(), int64(2); got != want {
			t.Errorf("suppressed afterwards: got %d, want %d", got, want)
		}
	})
}

func TestBudgetConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	budget := core.NewBudget(100)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				op := startAs(ctx, "work", core.Config{Budget: budget, Show: core.Show(i % 4)})
				op.Block(semconv.ReasonLock)
				core.Ref(op).SetShow(core.ShowBlocked)
				_, _, _ = op.SpanContext(), op.Context(), op.Wants(0)
				op.Wake(semconv.WakeUnlocked)
				op.End(nil)
			}
		})
	}
	wg.Wait()
	if got, want := budget.Wanted(), int64(8*50*3); got != want {
		t.Errorf("made and suppressed: got %d, want %d", got, want)
	}
}

// A nil Budget has no limit.
func TestBudgetNil(t *testing.T) {
	var budget *core.Budget
	budget.Spend(1)
	if budget.Spent() || budget.Suppressed() != 0 || budget.Wanted() != 0 {
		t.Error("a nil Budget has a limit or a count")
	}
}
