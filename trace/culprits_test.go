package trace_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

var longestOnly = []tracetest.TreeOption{
	tracetest.WithTimes(), tracetest.Exact(semconv.BlockLongestDurationKey, semconv.BlockLongestReasonKey, semconv.BlockLongestCauseKey),
}

// A goroutine links to the operation that was blocked for longest, and to the first that
// failed with its error, whatever failed after that.
func TestCulprits(t *testing.T) {
	errBroken := errors.New("broken")
	fails := func(ctx context.Context, name string, err error) error {
		_, op := trace.Start(ctx, name)
		op.End(err)
		return err
	}
	for _, tt := range []struct {
		name string
		do   func(context.Context) error
		want string
	}{
		{"both are one", func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 3*ms)
			defer cancel()
			_, err := trace.NewChan[int](0).Recv(ctx)
			return err
		}, `
			above @0s 1s
				g @0s 3ms {status=error, block.longest.duration=0.003, block.longest.reason=chan.recv} -> recv
					recv @0s 3ms {status=error}
						block @0s 3ms
						wake @3ms 0s
		`},
		{"wrapped, and more fails after it", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, ms)
			err := fails(ctx, "first", errBroken)
			for i, err := range []error{errors.New("other"), err, errors.New("other")} {
				_ = fails(ctx, fmt.Sprint("then-", i), err)
			}
			return fmt.Errorf("g: %w", err)
		}, `
			above @0s 1s
				g @0s 1ms {status=error, block.longest.duration=0.001, block.longest.reason=sleep} -> sleep -> first
					sleep @0s 1ms
						block @0s 1ms
						wake @1ms 0s
					first @1ms 0s {status=error}
					then-0 @1ms 0s {status=error}
					then-1 @1ms 0s {status=error}
					then-2 @1ms 0s {status=error}
		`},
		{"only the last failures are known", func(ctx context.Context) error {
			err := fails(ctx, "first", errBroken)
			for i := range 4 {
				_ = fails(ctx, fmt.Sprint("then-", i), errors.New("other"))
			}
			return err
		}, `
			above @0s 1s
				g @0s 0s {status=error}
					first @0s 0s {status=error}
					then-0 @0s 0s {status=error}
					then-1 @0s 0s {status=error}
					then-2 @0s 0s {status=error}
					then-3 @0s 0s {status=error}
		`},
		{"an error of its own", func(ctx context.Context) error {
			_ = fails(ctx, "first", errBroken)
			return errors.New("own")
		}, `
			above @0s 1s
				g @0s 0s {status=error}
					first @0s 0s {status=error}
		`},
		{"it recovers", func(ctx context.Context) error {
			_ = fails(ctx, "first", errBroken)
			return nil
		}, `
			above @0s 1s
				g @0s 0s
					first @0s 0s {status=error}
		`},
		{"of two blocks the longer one, and of equal ones the first", func(ctx context.Context) error {
			var mu trace.Mutex
			_ = trace.Sleep(ctx, ms)
			mu.Lock(ctx)
			go1(ctx, "unlocks", 2*ms, func(context.Context) error { mu.Unlock(); return nil })
			mu.Lock(ctx)
			return trace.Sleep(ctx, 2*ms)
		}, `
			above @0s 1s
				g @0s 5ms {block.longest.duration=0.002, block.longest.reason=lock} -> lock
					sleep @0s 1ms
						block @0s 1ms
						wake @1ms 0s
					unlocks @1ms 2ms
					lock @1ms 2ms
						block @1ms 2ms
						wake @3ms 0s -> g
					sleep @3ms 2ms
						block @3ms 2ms
						wake @5ms 0s
		`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				_, op := trace.Start(ctx, "above")
				go1(op.Context(), "g", 0, tt.do)
				time.Sleep(time.Second)
				op.End(nil)
				tracetest.AssertTree(t, rec.Chain(), tt.want, longestOnly...)
			})
		})
	}
}

// Of a block in progress when the first span ends, the time until then counts for that
// span, and the rest for the second. If the operation has a span, both link to it.
func TestCulpritsInTwoSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithMaxOpen(5*time.Second))
		go1(ctx, "g", 0, func(ctx context.Context) error {
			_ = trace.Sleep(ctx, time.Second)
			_, op := trace.Start(ctx, "op")
			op.Block(semconv.ReasonSleep)
			time.Sleep(6 * time.Second)
			op.End(nil)
			return nil
		})
		time.Sleep(time.Minute)
		tracetest.AssertTree(t, rec.Chain(), `
			g @0s 5s {block.longest.duration=4, block.longest.reason=sleep}
				sleep @0s 1s
					block @0s 1s
					wake @1s 0s
				op @1s 6s
					block @1s 6s
				g @5s 2s {block.longest.duration=2, block.longest.reason=sleep} -> g -> op
		`, longestOnly...)
	})
}

// The root of a trace has no links to that trace, and an attribute with the operation's
// span instead: Jaeger's page takes the first link of a span without a parent for its
// parent.
func TestCulpritsOfARoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		go1(ctx, "g", 0, func(ctx context.Context) error { return trace.Sleep(ctx, ms) })
		time.Sleep(time.Second)
		c := rec.Chain()
		g, sleep := tracetest.One(t, c, "g"), tracetest.One(t, c, "sleep")
		if len(g.Links) > 0 {
			t.Errorf("got the links %v, want none", g.Links)
		}
		if got, want := g.Str(semconv.BlockLongestSpanKey), sleep.SpanID.String(); got != want {
			t.Errorf("got the operation %q, want %s", got, want)
		}
	})
}
