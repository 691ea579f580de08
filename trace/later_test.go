package trace_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// An operation whose span need not be has it once it comes to what it must.
func TestStartAs(t *testing.T) {
	failed := errors.New("failed")
	for _, test := range []struct {
		name   string
		show   trace.Show
		change bool // to ShowBlocked after the first block
		err    error
		want   string
	}{
		{"all", trace.ShowAll, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1} -> up
				block @0s 10ms {block.reason=net.read}
				wake @10ms 1ms {wake.reason=readable}
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"blocked", trace.ShowBlocked, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1} -> up
				block @0s 10ms {block.reason=net.read}
				wake @10ms 1ms {wake.reason=readable}
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"blocked, from the second block on", trace.ShowFailed, true, nil, `
			work @0s 21ms {block.count=2, block.duration=0.02, n=1, spans.suppressed=2} -> up
				block @11ms 10ms {block.reason=net.read}
				wake @21ms 0s {wake.reason=readable}
		`},
		{"failed", trace.ShowFailed, false, failed, `
			work @0s 21ms {status=error, block.count=2, block.duration=0.02, error.type=_OTHER, n=1, spans.suppressed=4} -> up
		`},
		{"not failed", trace.ShowFailed, false, nil, `
		`},
		{"none", trace.ShowNone, true, failed, `
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				up, outer := trace.Start(ctx, "up")
				tracer := trace.FromContext(ctx)
				share := trace.NewShare(0)
				op := tracer.StartAs(ctx, "work", trace.OpConfig{
					Show: test.show, Share: share,
					Links: []oteltrace.Link{{SpanContext: oteltrace.SpanContextFromContext(up)}},
				})
				if got, want := op.SpanContext().IsValid(), test.show == trace.ShowAll; got != want {
					t.Errorf("it has a span at once: got %v, want %v", got, want)
				}
				if test.show != trace.ShowAll && op.Context() != ctx {
					t.Error("got another context, want the one it was started with")
				}
				op.SetAttributes(attribute.Int("n", 1))
				for i := range 2 {
					op.Block(semconv.ReasonNetRead)
					time.Sleep(10 * ms)
					op.Wake(semconv.WakeReadable)
					if test.change {
						op.SetShow(trace.ShowBlocked)
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
				tell := tracer.StartAs(ctx, "next", trace.OpConfig{Share: share})
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
		share := trace.NewShare(4)
		op := trace.FromContext(ctx).StartAs(ctx, "work", trace.OpConfig{Share: share})
		for range 3 {
			op.Block(semconv.ReasonNetRead)
			time.Sleep(10 * ms)
			op.Wake(semconv.WakeReadable)
		}
		if share.Spent() {
			t.Error("three of four are spent")
		}
		share.Spend(1)
		if !share.Spent() || share.Next(1).Spent() || trace.NewShare(0).Spent() {
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

func TestShareConcurrentSafe(t *testing.T) {
	ctx, _ := record(t)
	share := trace.NewShare(100)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				op := trace.FromContext(ctx).StartAs(ctx, "work", trace.OpConfig{Share: share, Show: trace.Show(i % 4)})
				op.Block(semconv.ReasonLock)
				op.SetShow(trace.ShowBlocked)
				_, _, _ = op.SpanContext(), op.Context(), op.Shows(0)
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
	var share *trace.Share
	share.Spend(1)
	if share.Spent() || share.Suppressed() != 0 || share.Wanted() != 0 {
		t.Error("a nil share bounds something")
	}
}
