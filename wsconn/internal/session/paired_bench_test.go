package session_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	noopmetric "go.opentelemetry.io/otel/metric/noop"

	"github.com/wakechain/wakechain/trace/live"
)

// workload is what all modes do in turn, in chunks of so many messages.
type workload struct {
	name         string
	lib          int // of benched
	conns, bytes int
	chunk        int
	flood        bool // one way, as fast as can be; else there and back
}

var workloads = []workload{
	{name: "echo", conns: 1, bytes: 128, chunk: 1000},
	{name: "echo4k", conns: 1, bytes: 4 << 10, chunk: 500},
	{name: "echo1m", conns: 1, bytes: 1 << 20, chunk: 8},
	{name: "echo100", conns: 100, bytes: 128, chunk: 4000},
	{name: "echo1000", conns: 1000, bytes: 128, chunk: 4000},
	{name: "flood", conns: 1, bytes: 128, chunk: 5000, flood: true},
	{name: "coder", lib: 1, conns: 1, bytes: 128, chunk: 1000},
	{name: "gorilla", lib: 2, conns: 1, bytes: 128, chunk: 1000},
}

// BenchmarkPaired compares the modes in a way that other load on the machine does not
// spoil. All are open at the same time. Each round runs a chunk of each mode in a shuffled
// order, and compares the process's CPU time for it with that of bare in the same round.
// An iteration is a round. It prints a table; MODES=bare,control,lean selects modes.
func BenchmarkPaired(b *testing.B) {
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			if w.conns >= 1000 && os.Getenv("MODES") == "" {
				b.Skip("the connections of all modes are more than there may be open files: choose some by MODES")
			}
			if testing.Short() {
				w.chunk = max(1, w.chunk/100)
			}
			w.measure(b, chosen(os.Getenv("MODES")), os.Stdout)
		})
	}
}

// chosen returns the modes with these names, separated by commas; all for "".
func chosen(names string) []mode {
	if names == "" {
		return modes
	}
	return slices.DeleteFunc(slices.Clone(modes), func(m mode) bool {
		return !slices.Contains(strings.Split(names, ","), m.name) && m.name != "bare"
	})
}

func (w workload) measure(b *testing.B, modes []mode, out io.Writer) {
	b.Helper()
	all := make([]*contender, len(modes))
	for i, m := range modes {
		all[i] = w.open(b, m)
	}
	defer func() {
		for _, c := range all {
			c.cancel()
		}
	}()
	for _, c := range all {
		c.play(w)
	}
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			all[i].round(w)
		}
	}
	b.ReportMetric(median(ratios(all[len(all)-1].cpu, all[0].cpu)), all[len(all)-1].name+"/bare")
	table(out, w, all)
}

// contender is a mode with its connections, and its measurements: one for each round, by
// message.
type contender struct {
	*bench
	ctx    context.Context
	cancel context.CancelFunc
	conns  []conn
	got    atomic.Int64  // messages of a flood
	want   atomic.Int64  // how many until came is sent to
	came   chan struct{} // want messages have arrived

	cpu, allocs, bytes, spans []float64
}

func (w workload) open(b *testing.B, m mode) *contender {
	b.Helper()
	c := &contender{came: make(chan struct{}, 1)}
	serve := echoServer
	if w.flood {
		serve = c.sink
	}
	c.bench = m.serve(b, benched[w.lib], serve)
	c.ctx, c.cancel = context.WithCancel(c.context())
	for range w.conns {
		c.conns = append(c.conns, c.dial())
	}
	return c
}

func (c *contender) sink(ctx context.Context, from conn) {
	for {
		if _, _, err := from.Read(ctx); err != nil {
			return
		}
		if c.got.Add(1) == c.want.Load() {
			c.came <- struct{}{}
		}
	}
}

// round plays a chunk, waits for its export, and measures both.
func (c *contender) round(w workload) {
	var before, after runtime.MemStats
	runtime.GC() // frees the garbage of the chunk before
	runtime.ReadMemStats(&before)
	exported, cpu := c.bench.spans.spans.Load(), cpuTime()
	stop := func() {}
	if c.watched {
		stop = live.Watch(c.ctx, live.WithMeterProvider(noopmetric.NewMeterProvider()))
	}
	c.play(w)
	stop()
	used := cpuTime() - cpu
	runtime.ReadMemStats(&after)
	n := float64(w.chunk)
	c.cpu = append(c.cpu, float64(used)/n)
	c.allocs = append(c.allocs, float64(after.Mallocs-before.Mallocs)/n)
	c.bytes = append(c.bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
	c.spans = append(c.spans, float64(c.bench.spans.spans.Load()-exported)/n)
}

func (c *contender) play(w workload) {
	msg := make([]byte, w.bytes)
	switch {
	case w.flood:
		c.want.Store(c.got.Load() + int64(w.chunk))
		for range w.chunk {
			if err := c.conns[0].Write(c.ctx, messageBinary, msg); err != nil {
				c.b.Error(err)
				return
			}
		}
		<-c.came
	case len(c.conns) == 1:
		for range w.chunk {
			ping(c.ctx, c.b, c.conns[0], msg)
		}
	default:
		var left atomic.Int64
		left.Store(int64(w.chunk))
		var wg sync.WaitGroup
		for _, to := range c.conns {
			wg.Go(func() {
				for left.Add(-1) >= 0 {
					ping(c.ctx, c.b, to, msg)
				}
			})
		}
		wg.Wait()
	}
	c.flush()
}

// table prints the results: the median CPU time of a message, and the median ratio to bare
// of the rounds, with its 95 % confidence interval.
func table(out io.Writer, w workload, all []*contender) {
	bare := all[0]
	hand := 0.0
	for _, c := range all {
		if c.name == "handwritten" {
			hand = median(ratios(c.cpu, bare.cpu)) - 1
		}
	}
	fmt.Fprintf(out, "\n%s: messages of %d bytes, connections %d, %s, %d rounds of %d messages, GOMAXPROCS %d; bare %.2f µs of CPU time\n",
		w.name, w.bytes, w.conns, benched[w.lib].name, len(bare.cpu), w.chunk, runtime.GOMAXPROCS(0), median(bare.cpu)/1000)
	fmt.Fprintf(out, "%-16s %9s %15s %7s %7s %9s %10s\n", "mode", "of bare", "95 %", "added", "spans", "allocs +", "bytes +")
	for _, c := range all[1:] {
		r := ratios(c.cpu, bare.cpu)
		low, high := interval(r)
		added := ""
		if hand > 0 {
			added = fmt.Sprintf("%.2f", (median(r)-1)/hand)
		}
		fmt.Fprintf(out, "%-16s %9.3f %15s %7s %7.2f %9.1f %10.0f\n", c.name, median(r), fmt.Sprintf("%.3f..%.3f", low, high),
			added, median(c.spans), median(c.allocs)-median(bare.allocs), median(c.bytes)-median(bare.bytes))
	}
}

func ratios(a, by []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / by[i]
	}
	return r
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// interval returns the 95 % confidence interval of the median of which v is a sample,
// whatever the distribution: the order statistics that are 0.98·√n ranks from the middle.
func interval(v []float64) (low, high float64) {
	if len(v) == 0 {
		return math.NaN(), math.NaN()
	}
	s := slices.Sorted(slices.Values(v))
	middle, half := float64(len(s)-1)/2, 0.98*math.Sqrt(float64(len(s)))
	return s[max(0, int(math.Floor(middle-half)))], s[min(len(s)-1, int(math.Ceil(middle+half)))]
}

// TestStatistics tests the statistics of the table.
func TestStatistics(t *testing.T) {
	v := []float64{5, 1, 4, 2, 3}
	if got := median(v); got != 3 {
		t.Errorf("median of an odd number: got %v, want 3", got)
	}
	if got := median(v[:4]); got != 3 {
		t.Errorf("median of an even number: got %v, want 3", got)
	}
	if low, high := interval(v); low != 1 || high != 5 {
		t.Errorf("interval of few: got %v to %v, want all of them", low, high)
	}
	many := make([]float64, 100)
	for i := range many {
		many[i] = float64(i)
	}
	if low, high := interval(many); low != 39 || high != 60 {
		t.Errorf("interval of 100: got %v to %v, want 39 to 60", low, high)
	}
	if got := ratios([]float64{2, 6}, []float64{1, 2}); got[0] != 2 || got[1] != 3 {
		t.Errorf("ratios: got %v, want 2 and 3", got)
	}
}
