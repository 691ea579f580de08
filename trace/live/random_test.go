package live_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
)

// Random graphs of waits: goroutine i holds lock i, and waits for the lock or the end of
// goroutine to[i], or for nothing (-1). The findings must be those of the graph.
func TestRandomGraphs(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 2 + r.IntN(12)
		to, byEnd := make([]int, n), make([]bool, n)
		for i := range to {
			to[i] = r.IntN(n+1) - 1
			if to[i] == i {
				to[i] = -1
			}
			byEnd[i] = r.IntN(3) == 0
		}
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(traced())
			locks, tasks, ready := make([]trace.Mutex, n), make([]*trace.Task, n), make(chan struct{})
			for i := range n {
				tasks[i] = trace.Go(ctx, fmt.Sprint(i), func(ctx context.Context) error {
					_ = locks[i].LockContext(ctx)
					<-ready
					switch {
					case to[i] < 0:
						return trace.Sleep(ctx, time.Hour)
					case byEnd[i]:
						return tasks[to[i]].Wait(ctx)
					default:
						return locks[to[i]].LockContext(ctx)
					}
				})
			}
			synctest.Wait()
			close(ready)
			time.Sleep(time.Second)
			synctest.Wait()
			compare(t, to, live.Snapshot())
			cancel()
			synctest.Wait()
		})
		if t.Failed() {
			t.Fatalf("seed %d: %v, by end %v", seed, to, byEnd)
		}
	}
}

func compare(t *testing.T, to []int, v *live.View) {
	t.Helper()
	// A goroutine that is reached again from itself is in a cycle. One from which a
	// goroutine that waits for nothing is reached is held up by that.
	var cyclic []string
	ups := map[string]int{}
	for i := range to {
		at, back := i, false
		for range to {
			if at = to[at]; at < 0 || at == i {
				back = at == i
				break
			}
		}
		if back {
			cyclic = append(cyclic, fmt.Sprint(i))
		}
		end, steps := i, 0
		for ; to[end] >= 0 && steps <= len(to); steps++ {
			end = to[end]
		}
		if to[end] < 0 && end != i {
			ups[fmt.Sprint(end)]++
		}
	}
	var got []string
	for _, f := range findings(v, live.KindDeadlock) {
		if !f.Certain {
			t.Errorf("not certain: %+v", f)
		}
		for _, key := range f.Goroutines {
			for _, g := range v.Goroutines {
				if g.Key == key {
					got = append(got, g.Name)
				}
			}
		}
	}
	sort.Strings(got)
	sort.Strings(cyclic)
	if !slices.Equal(got, cyclic) {
		t.Errorf("in cycles: got %v, want %v", got, cyclic)
	}
	most := 0
	for _, n := range ups {
		most = max(most, n)
	}
	heads := findings(v, live.KindHead)
	if want := min(len(ups), 3); len(heads) != want {
		t.Errorf("got %d heads, want %d", len(heads), want)
	}
	for i, h := range heads {
		name := ""
		for _, g := range v.Goroutines {
			if g.Key == h.Goroutines[0] {
				name = g.Name
			}
		}
		if !h.Certain || h.HoldsUp != ups[name] || i == 0 && h.HoldsUp != most {
			t.Errorf("got %+v, want that %s holds up %d, and the first %d", h, name, ups[name], most)
		}
	}
}
