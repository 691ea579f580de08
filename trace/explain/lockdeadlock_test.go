package explain_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Deadlocks of real locks are found, and proven.
func TestLockDeadlocks(t *testing.T) {
	t.Parallel()
	// take locks two locks in this order. It unlocks them when it has both, or gives up.
	take := func(first, second *trace.Mutex) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := first.LockContext(ctx); err != nil {
				return err
			}
			defer first.Unlock()
			time.Sleep(time.Second)
			if err := second.LockContext(ctx); err != nil {
				return err
			}
			second.Unlock()
			return nil
		}
	}
	within := func(ctx context.Context, d time.Duration) context.Context {
		ctx, cancel := context.WithTimeout(ctx, d)
		t.Cleanup(cancel)
		return ctx
	}
	for _, tt := range []struct {
		name string
		run  func(context.Context)
		want string // headline | text; "" means no such finding
	}{
		{"two that take them in another order", func(ctx context.Context) {
			var a, b trace.Mutex
			trace.Go(within(ctx, 5*time.Second), "ab", take(&a, &b))
			trace.Go(ctx, "ba", take(&b, &a))
		}, "ab and ba deadlocked for 4 s: each held the lock that the other wanted | lock of ab waited for what ba held; lock of " +
			"ba waited for what ab held. What ended it: for ab, its deadline passed, and ab ended with it."},
		{"two that give up at once", func(ctx context.Context) {
			var a, b trace.Mutex
			ctx = within(ctx, 5*time.Second)
			trace.Go(ctx, "ab", take(&a, &b))
			trace.Go(ctx, "ba", take(&b, &a))
		}, "deadlocked for 4 s: each held the lock that the other wanted | "},
		{"three in a circle", func(ctx context.Context) {
			var a, b, c trace.Mutex
			trace.Go(within(ctx, 5*time.Second), "ab", take(&a, &b))
			trace.Go(ctx, "bc", take(&b, &c))
			trace.Go(ctx, "ca", take(&c, &a))
		}, "ab and 2 others deadlocked for 4 s: each held what another wanted | "},
		{"one that locks twice", func(ctx context.Context) {
			var a trace.Mutex
			trace.Go(within(ctx, 3*time.Second), "twice", take(&a, &a))
		}, "twice waited 2 s for a lock that it held itself | lock of twice waited for what the same goroutine had locked before."},
		{"one that gives up while the holder sleeps", func(ctx context.Context) {
			var a, b trace.Mutex
			trace.Go(ctx, "holder", func(ctx context.Context) error {
				if err := a.LockContext(ctx); err != nil {
					return err
				}
				defer a.Unlock()
				return trace.Sleep(ctx, 10*time.Second)
			})
			trace.Go(within(ctx, 5*time.Second), "waiter", take(&b, &a))
		}, ""},
		{"the holder waits for another lock, which is let go", func(ctx context.Context) {
			var a, b trace.Mutex
			trace.Go(ctx, "ab", take(&a, &b))
			trace.Go(ctx, "b", func(ctx context.Context) error {
				if err := b.LockContext(ctx); err != nil {
					return err
				}
				defer b.Unlock()
				return trace.Sleep(ctx, 10*time.Second)
			})
			trace.Go(within(ctx, 5*time.Second), "a", func(ctx context.Context) error {
				time.Sleep(500 * time.Millisecond)
				return a.LockContext(ctx)
			})
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := tracetest.NewRecorder(t)
				ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
				tt.run(ctx)
				time.Sleep(time.Minute)
				found := explain.Explain(rec.Chain())
				i := slices.IndexFunc(found, func(f explain.Finding) bool { return f.Rule == explain.LockDeadlock })
				if i < 0 {
					if tt.want != "" {
						t.Errorf("got %v, want a deadlock\n%s", found, rec.Chain())
					}
					return
				}
				f := found[i]
				got := numbers.ReplaceAllString(f.Headline+" | "+f.Text, "")
				if tt.want == "" || !strings.Contains(got, tt.want) || i != 0 {
					t.Errorf("got %s at %d\nwant %s", got, i, tt.want)
				}
				for _, other := range found[1:] {
					if other.Rule == explain.LockDeadlock || other.Rule == explain.GoroutineEnded && strings.HasPrefix(other.Headline, "ab ") {
						t.Errorf("got %v as well, want the fact told once", other)
					}
				}
			})
		})
	}
}
