// Chaos makes thousands of connections over real sockets, and makes them fail in many
// ways: resets, frames that are cut or forged, garbage, contexts that end, panics, and
// calls that race with one another. Then it checks what was recorded, and what the process
// still holds. Each file is a concept: what a play is (plan.go, play.go), what goes wrong
// (faults.go, cable.go, frames.go), and what must hold (payload.go, invariants.go, sums.go,
// baseline.go, control.go).
//
//	go run -C examples -race ./chaos
//	go run -C examples -race ./chaos -n 100000 -seed 7
//
// It prints each finding with the command that repeats it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
)

type flags struct {
	n, epoch, together int
	seed               uint64
	only, times        int
	fault              string
	bare               bool
}

func main() {
	var f flags
	flag.IntVar(&f.n, "n", 5000, "how many connections")
	flag.IntVar(&f.epoch, "epoch", 500, "how many until the process must be as it was before")
	flag.IntVar(&f.together, "together", 16, "how many at once")
	flag.Uint64Var(&f.seed, "seed", uint64(time.Now().UnixNano()), "what they are like follows from it")
	flag.IntVar(&f.only, "only", -1, "this connection alone")
	flag.IntVar(&f.times, "times", 100, "with -only: so many times")
	flag.StringVar(&f.fault, "fault", "", "only connections whose fault has this in its name")
	flag.BoolVar(&f.bare, "bare", false, "the bare libraries alone: whose fault is it?")
	flag.Parse()
	if n := run(os.Stdout, f); n > 0 {
		os.Exit(1)
	}
}

// findings counts and prints what was found to be wrong. It prints at once, and only the
// first ones.
type findings struct {
	out io.Writer
	f   flags

	mu sync.Mutex
	n  int
}

const printed = 40

func (x *findings) report(index int, format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.n++; x.n > printed {
		return
	}
	fmt.Fprintf(x.out, "FOUND  "+format+"\n", args...)
	if index < 0 {
		fmt.Fprintf(x.out, "       seed %d, in the epoch above\n", x.f.seed)
		return
	}
	pl := newPlan(x.f.seed, index)
	fmt.Fprintf(x.out, "       connection %d: %v\n       again: go run -C examples -race ./chaos -seed %d -only %d\n", index, &pl, x.f.seed, index)
}

// grown is how many bytes more than at the start may be in use after an epoch.
const grown = 8 << 20

// run runs the plays, and returns the number of findings.
func run(out io.Writer, f flags) int {
	found := &findings{out: out, f: f}
	c := newControl()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if !strings.HasPrefix(err.Error(), "baggage: ") { // from the fault with wrong headers
			found.report(-1, "a fault of the telemetry: %v", err)
		}
	}))
	start := time.Now()
	fmt.Fprintf(out, "seed %d\n", f.seed)
	fmt.Fprintf(out, "%12s %9s %9s %6s %6s %9s %9s\n", "connections", "messages", "spans", "gorout", "fds", "heap MB", "findings")

	warm := heap(0, 0) // in use before the first play
	total, messages, spans := 0, 0, 0
	for plays := range epochs(f) {
		before := now()
		s := newStage(c, found.report)
		all := s.play(plays, f.together)
		s.close()
		for _, fault := range before.settle(limit) {
			found.report(-1, "%s", fault)
		}
		for _, t := range s.sets {
			spans += check(t, of(all, t), found.report)
		}
		for _, p := range all {
			messages += int(p.ends[0].received.Load() + p.ends[1].received.Load())
		}
		total += len(all)
		clear(all)
		all, s = nil, nil
		h := heap(warm+grown, patient)
		if h > warm+grown {
			found.report(-1, "the heap is %d bytes, and was %d at first", h, warm)
		}
		after := now()
		fmt.Fprintf(out, "%12d %9d %9d %6d %6d %9.1f %9d\n", total, messages, spans, after.goroutines, after.descriptors, float64(h)/(1<<20), found.n)
	}
	c.check(found.report)

	fmt.Fprintf(out, "\n%-36s %9s %9s %12s\n", "fault", "traced", "bare", "each took")
	for i := range faults {
		if traced, bare, took := c.plays(faults[i].name); traced+bare > 0 {
			fmt.Fprintf(out, "%-36s %9d %9d %12v\n", faults[i].name, traced, bare, took.Round(time.Millisecond))
		}
	}
	if n := c.slow.Load(); n > 0 {
		fmt.Fprintf(out, "\nThe machine was busy: in %d connections that must lose nothing a library may have given up by itself.\n", n)
	}
	fmt.Fprintf(out, "\n%d connections in %v: %d findings\n", total, time.Since(start).Round(time.Second), found.n)
	return found.n
}

// epochs yields the plans of each epoch.
func epochs(f flags) func(yield func([]plan) bool) {
	return func(yield func([]plan) bool) {
		if f.only >= 0 {
			p := newPlan(f.seed, f.only)
			p.bare = p.bare || f.bare
			yield(slices.Repeat([]plan{p}, max(f.times, 1)))
			return
		}
		var plans []plan
		for i, n := 0, 0; n < f.n; i++ {
			p := newPlan(f.seed, i)
			p.bare = p.bare || f.bare
			if strings.Contains(p.fault.name, f.fault) {
				plans = append(plans, p)
				n++
			}
			if len(plans) == f.epoch || n == f.n {
				if !yield(plans) {
					return
				}
				plans = nil
			}
		}
	}
}

// of returns the plays of a telemetry.
func of(all []*play, t *telemetry) (some []*play) {
	for _, p := range all {
		if p.telemetry == t {
			some = append(some, p)
		}
	}
	return some
}
