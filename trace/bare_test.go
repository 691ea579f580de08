package trace_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// step makes one random call, and returns a text of its result. It draws from r, and equally
// often whatever the result is. A wait ends with ctx at the latest; rest waits for some of
// the goroutine's turns.
type step func(ctx context.Context, r *rand.Rand, rest func(turns int)) string

// same runs goroutines of random steps on the bare primitive and on that of this package,
// and compares the results of each, and their times. It does so in bubbles in which no two
// goroutines begin a step, or give up, at the same time: everything is determined by the
// seed and by the primitive.
func same(t *testing.T, bare, traced func() step) {
	t.Helper()
	const goroutines, steps = 5, 12
	run := func(t *testing.T, seed uint64, world func() step) (log [goroutines][]string) {
		synctest.Test(t, func(t *testing.T) {
			ctx, _ := record(t)
			do, start := world(), time.Now()
			var wg sync.WaitGroup
			for g := range goroutines {
				wg.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(g)))
					rest := func(turns int) {
						at := time.Since(start).Truncate(goroutines*ms) + goroutines*ms*time.Duration(turns) + time.Duration(g)*ms
						time.Sleep(time.Until(start.Add(at)))
					}
					for range steps {
						rest(1 + r.IntN(2))
						patience := time.Duration(1+r.IntN(6))*goroutines*ms + ms/2
						ctx, cancel := context.WithTimeout(ctx, patience)
						saw := do(ctx, r, rest)
						cancel()
						log[g] = append(log[g], fmt.Sprint(time.Since(start), " ", saw))
					}
				})
			}
			wg.Wait()
		})
		return log
	}
	for seed := range uint64(150) {
		want, got := run(t, seed, bare), run(t, seed, traced)
		for g := range want {
			if !slices.Equal(got[g], want[g]) {
				t.Fatalf("seed %d, goroutine %d:\ngot  %q\nwant %q", seed, g, got[g], want[g])
			}
		}
	}
}

// protect returns the text of f's panic; "": there was none.
func protect(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// samePanic compares the panics of a primitive of this package and of the bare one.
func samePanic(t *testing.T, name string, bare, traced func()) {
	t.Helper()
	if got, want := protect(traced), protect(bare); got != want || want == "" {
		t.Errorf("%s: panics with %q, want %q", name, got, want)
	}
}

// wantAllocs checks how much is allocated if nothing waits and nothing is emitted: with a
// sampled parent, and without recording.
func wantAllocs(t *testing.T, want float64, f func(context.Context)) {
	t.Helper()
	sampled, rec := record(t)
	sampled, op := trace.Start(sampled, "op")
	defer op.End(nil)
	off := new(trace.Tracer).NewContext(t.Context())
	for name, ctx := range map[string]context.Context{"sampled": sampled, "off": off} {
		if got := testing.AllocsPerRun(100, func() { f(ctx) }); got > want && !race {
			t.Errorf("%s: got %v allocations, want %v", name, got, want)
		}
	}
	tracetest.AssertTree(t, rec.Chain(), `op open`)
}

var errEnough = errors.New("enough")

// caused returns a context that ends after d because of cause.
func caused(ctx context.Context, d time.Duration, cause error) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	time.AfterFunc(d, func() { cancel(cause) })
	return ctx
}
