package parks_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/internal/parks"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// collector keeps the spans that end, and takes no lock: who waited for one would be
// parked in the midst of an operation.
type collector struct {
	n     atomic.Int64
	spans []sdktrace.ReadOnlySpan
}

func (*collector) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (*collector) Shutdown(context.Context) error                  { return nil }
func (*collector) ForceFlush(context.Context) error                { return nil }

func (c *collector) OnEnd(s sdktrace.ReadOnlySpan) {
	if i := c.n.Add(1) - 1; i < int64(len(c.spans)) {
		c.spans[i] = s
	}
}

func (c *collector) all(t *testing.T) []sdktrace.ReadOnlySpan {
	t.Helper()
	n := c.n.Load()
	if n > int64(len(c.spans)) {
		t.Fatalf("%d spans, and room for %d", n, len(c.spans))
	}
	return c.spans[:n]
}

// world is what the goroutines of a random program share.
type world struct {
	chans   []*trace.Chan[int]
	mutexes []*trace.Mutex
	rw      trace.RWMutex
	sem     *trace.Semaphore
	futures []*trace.Future[int]
	cond    trace.Cond
	condMu  trace.Mutex
	conns   [][2]*netpoll.Conn
}

// program runs goroutines that do steps of any kind on what they share, each with a
// context that ends soon, so that none waits for ever.
func program(ctx context.Context, rng *rand.Rand, w *world, goroutines, steps int) {
	tasks := make([]*trace.Task, goroutines)
	for i := range tasks {
		own := rand.New(rand.NewPCG(rng.Uint64(), 0))
		tasks[i] = trace.Go(ctx, "g"+strconv.Itoa(i), func(ctx context.Context) error {
			for range steps {
				w.step(ctx, own)
			}
			return nil
		})
	}
	for i, c := range w.conns { // each end has one reader and one writer
		for k, end := range c {
			rng := rand.New(rand.NewPCG(rng.Uint64(), 1))
			tasks = append(tasks, trace.Go(ctx, fmt.Sprint("reader", i, k), func(ctx context.Context) error { reads(ctx, end); return nil }),
				trace.Go(ctx, fmt.Sprint("writer", i, k), func(ctx context.Context) error { writes(ctx, end, rng, steps); return nil }))
		}
	}
	for _, task := range tasks {
		_ = task.Wait(context.Background())
	}
}

func (w *world) step(ctx context.Context, rng *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(100+rng.IntN(4000))*time.Microsecond)
	defer cancel()
	short := func() { work(time.Duration(rng.IntN(200)) * time.Microsecond) }
	ch, other := w.chans[rng.IntN(len(w.chans))], w.chans[rng.IntN(len(w.chans))]
	switch rng.IntN(9) {
	case 0:
		_ = ch.Send(ctx, 1)
	case 1:
		_, _ = ch.Recv(ctx)
	case 2:
		var v int
		var ok bool
		_, _ = trace.Select(ctx, ch.CaseRecv(&v, &ok), other.CaseSend(2))
	case 3:
		m := w.mutexes[rng.IntN(len(w.mutexes))]
		if m.LockContext(ctx) == nil {
			if short(); rng.IntN(4) == 0 {
				_ = trace.Sleep(ctx, time.Duration(rng.IntN(1500))*time.Microsecond)
			}
			m.Unlock()
		}
	case 4:
		if rng.IntN(3) == 0 {
			if w.rw.LockContext(ctx) == nil {
				short()
				w.rw.Unlock()
			}
		} else if w.rw.RLockContext(ctx) == nil {
			short()
			w.rw.RUnlock()
		}
	case 5:
		if n := 1 + rng.Int64N(2); w.sem.Acquire(ctx, n) == nil {
			short()
			w.sem.Release(ctx, n)
		}
	case 6:
		f := w.futures[rng.IntN(len(w.futures))]
		if rng.IntN(8) == 0 {
			f.Resolve(ctx, 1)
		} else {
			_, _ = f.Await(ctx)
		}
	case 7:
		if rng.IntN(2) == 0 {
			w.cond.Broadcast(ctx)
		} else if w.condMu.LockContext(ctx) == nil {
			_ = w.cond.WaitContext(ctx, &w.condMu)
			w.condMu.Unlock()
		}
	default:
		_ = trace.Sleep(ctx, time.Duration(rng.IntN(2000))*time.Microsecond)
	}
}

// work runs for that long, and does not park.
func work(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); {
		runtime.Gosched()
	}
}

func reads(ctx context.Context, c *netpoll.Conn) {
	buf := make([]byte, 16<<10)
	for {
		_, op := trace.Start(ctx, semconv.SpanRead)
		c.TraceRead(op)
		_, err := c.Read(buf)
		op.End(nil)
		if err != nil {
			return
		}
	}
}

func writes(ctx context.Context, c *netpoll.Conn, rng *rand.Rand, n int) {
	defer c.Close()
	for range n {
		_, op := trace.Start(ctx, semconv.SpanWrite)
		c.TraceWrite(op)
		_, err := c.Write(make([]byte, rng.IntN(60_000)))
		op.End(nil)
		if err != nil {
			return
		}
		_ = trace.Sleep(ctx, time.Duration(rng.IntN(1000))*time.Microsecond)
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{sem: trace.NewSemaphore(3)}
	for range 60 {
		w.futures = append(w.futures, new(trace.Future[int]))
	}
	for i := range 4 {
		w.chans = append(w.chans, trace.NewChan[int](i%2*2))
		w.mutexes = append(w.mutexes, new(trace.Mutex))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 2 {
		a, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = a.(*net.TCPConn).SetWriteBuffer(8 << 10)
		_ = b.(*net.TCPConn).SetWriteBuffer(8 << 10)
		w.conns = append(w.conns, [2]*netpoll.Conn{netpoll.Wrap(a), netpoll.Wrap(b)})
	}
	return w
}

// The exceptions: what no fault is made of, by the name under which it is counted.
const (
	// A goroutine that is about to park lost its processor, and by the time it had one
	// again what it waits for was there.
	lostProcessor = "lost its processor instead of being parked"

	// Likewise, but the operating system took its thread, of which the runtime knows
	// nothing: what lies between the begin of a block and the park takes a microsecond.
	// It is rare, or else it is something else: see rare.
	lostThread = "lost its thread instead of being parked"

	// A select that was chosen takes the lock of its channel, which is held for nanoseconds,
	// unless its holder has lost its processor.
	channelsLock = "waited for the lock of the channel that a select has chosen"

	// The trace does not know when the goroutine was parked: see parks.Park.Moved.
	timeUnknown = "was parked at a time that the trace does not know"

	// A context ended in the very moment of a grant. Both make the goroutine ready; the
	// tracer names the first, which here was a timer, and the goroutine took the other.
	grantedAndEnded = "granted in the moment in which its context ended"
)

// TestRandomPrograms runs random programs under the execution tracer. Every block is a
// park, every park of an operation that is longer than a millisecond has its block, and
// whoever a wake links to is the goroutine that the runtime saw make the other ready.
func TestRandomPrograms(t *testing.T) {
	if race {
		t.Skip("the race detector makes the clocks of the two tell different times")
	}
	goroutines, steps, rounds := 10, 60, 2
	if s := os.Getenv("WAKECHAIN_ORACLE"); s != "" { // rounds
		rounds, _ = strconv.Atoi(s)
	}
	var sum verdict
	for round := range rounds {
		seed := uint64(time.Now().UnixNano())
		c := &collector{spans: make([]sdktrace.ReadOnlySpan, 1<<17)}
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c), sdktrace.WithSampler(sdktrace.AlwaysSample()))
		ctx := trace.New(trace.WithTracerProvider(tp), trace.WithAllOps()).NewContext(context.Background())
		w := newWorld(t)
		tr, err := parks.Record(func() { program(ctx, rand.New(rand.NewPCG(seed, 0)), w, goroutines, steps) })
		if err != nil {
			t.Skip(err) // go test -trace
		}
		v := judge(tr, chain.New(chain.FromSpans(c.all(t)), chain.WithoutSkewCorrection()))
		for _, f := range v.faults {
			t.Errorf("seed %d, round %d: %s", seed, round, f)
		}
		sum.add(&v)
	}
	var table strings.Builder
	sum.print(&table)
	t.Logf("%d random programs\n%s", rounds, &table)
	if n := len(sum.threads); n > rare(sum.blocks) {
		sum.invented += n
		t.Errorf("%d blocks are no parks:\n%s", n, strings.Join(sum.threads, "\n"))
	}
	if sum.blocks < 100*rounds || sum.wakers < 20*rounds {
		t.Errorf("only %d blocks and %d wakers were compared", sum.blocks, sum.wakers)
	}
}

// verdict is what the spans of programs came to.
type verdict struct {
	blocks, wakers, parks           int
	invented, missing, wrong, waker int
	excused                         map[string]int
	off                             []time.Duration // of each block: what of it was no park
	faults                          []string
	threads                         []string // the blocks of lostThread
}

// rare is how many of so many blocks may be of lostThread, on a machine however busy.
func rare(blocks int) int { return 3 + blocks/1000 }

// instant is how long the begin of a block may take.
const instant = 100 * time.Microsecond

func (v *verdict) add(o *verdict) {
	v.blocks, v.wakers, v.parks = v.blocks+o.blocks, v.wakers+o.wakers, v.parks+o.parks
	v.invented, v.missing, v.wrong, v.waker = v.invented+o.invented, v.missing+o.missing, v.wrong+o.wrong, v.waker+o.waker
	v.off, v.threads = append(v.off, o.off...), append(v.threads, o.threads...)
	if v.excused == nil {
		v.excused = map[string]int{}
	}
	for name, n := range o.excused {
		v.excused[name] += n
	}
}

func (v *verdict) print(w io.Writer) {
	at := func(q float64) time.Duration {
		if len(v.off) == 0 {
			return 0
		}
		return v.off[min(int(q*float64(len(v.off))), len(v.off)-1)]
	}
	slices.Sort(v.off)
	fmt.Fprintf(w, "%8s %9s %8s %9s %8s %6s %12s %10s %10s\n", "blocks", "parks>1ms", "wakers", "invented", "missing", "wrong", "wrong waker", "p50 off", "p99 off")
	fmt.Fprintf(w, "%8d %9d %8d %9d %8d %6d %12d %10v %10v\n", v.blocks, v.parks, v.wakers, v.invented, v.missing, v.wrong, v.waker, at(0.5), at(0.99))
	for name, n := range v.excused {
		fmt.Fprintf(w, "excused: %s: %d\n", name, n)
	}
}

// judge compares a chain with what the runtime saw.
func judge(tr *parks.Trace, c *chain.Chain) verdict {
	v := verdict{excused: map[string]int{}}
	fault := func(count *int, format string, args ...any) {
		*count++
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
	before := func(a, b time.Time) bool { return b.Sub(a) > tr.Error }
	for _, s := range c.Spans {
		g := goroutineOf(s)
		if w, _, _ := strings.Cut(s.Name, " "); g == 0 || w != semconv.SpanBlock {
			if operation(s) {
				v.operation(tr, s, g, before, fault)
			}
			continue
		}
		v.blocks++
		reason := s.Str(semconv.BlockReasonKey)
		park, common := ofBlock(tr.Parks(g), s)
		if common <= 0 {
			switch _, starved := ofBlock(tr.Starved(g), s); {
			case s.Duration() <= instant:
			case movedPast(tr.Parks(g), s):
				v.excused[timeUnknown]++
			case starved > s.Duration()-tr.Error:
				v.excused[lostProcessor]++
			default:
				v.excused[lostThread]++
				v.threads = append(v.threads, fmt.Sprintf("a block %s of %v is no park", reason, s.Duration()))
			}
			continue
		}
		if strings.HasPrefix(reason, "net.") != (park.Reason == "network") && common > tr.Error && !park.Moved {
			fault(&v.wrong, "a block %s of %v is a park for %s of %v", reason, s.Duration(), park.Reason, park.Run.Sub(park.Start))
		}
		v.off = append(v.off, s.Duration()-common)
		v.wokenBy(c, s, readied(tr.Parks(g), s), fault)
	}
	return v
}

// ofBlock returns the park that a block has most in common with, and how much that is.
func ofBlock(all []parks.Park, block *chain.Span) (park parks.Park, common time.Duration) {
	for _, p := range all {
		start, end := p.Start, p.Run
		if start.Before(block.Start) {
			start = block.Start
		}
		if end.After(block.End) {
			end = block.End
		}
		if d := end.Sub(start); d > common {
			park, common = p, d
		}
	}
	return park, common
}

// movedPast reports whether the first park after a block may have been in it: parks are
// moved only to later times.
func movedPast(all []parks.Park, block *chain.Span) bool {
	i := slices.IndexFunc(all, func(p parks.Park) bool { return block.Start.Before(p.Run) })
	return i >= 0 && all[i].Moved
}

// readied are the goroutines that ended the parks of a block: one that selects may be
// made ready for a case that another one has taken, and parks again.
func readied(all []parks.Park, block *chain.Span) (by []int64) {
	for _, p := range all {
		if p.Start.Before(block.End) && block.Start.Before(p.Run) {
			by = append(by, p.By)
		}
	}
	return by
}

// operation: every park of an operation has its block.
func (v *verdict) operation(tr *parks.Trace, s *chain.Span, g int64, before func(a, b time.Time) bool, fault func(*int, string, ...any)) {
	for _, p := range tr.Parks(g) {
		if p.Moved || before(p.Start, s.Start) || before(s.End, p.Run) || p.Run.Sub(p.Start) < time.Millisecond {
			continue
		}
		v.parks++
		// A block begins and ends within an instant of what the clocks say of the operation.
		covered := slices.ContainsFunc(s.Children, func(b *chain.Span) bool {
			return strings.HasPrefix(b.Name, semconv.SpanBlock) &&
				!before(p.Start.Add(instant), b.Start) && !before(b.End, p.Run.Add(-instant))
		})
		switch {
		case covered:
		case p.Reason == "sync" && strings.HasPrefix(s.Name, semconv.SpanSelect):
			v.excused[channelsLock]++
		default:
			fault(&v.missing, "in a %s of %v a park for %s of %v, after %v, is in no block", s.Name, s.Duration(), p.Reason, p.Run.Sub(p.Start), p.Start.Sub(s.Start))
		}
	}
}

// wokenBy: who a wake links to is who made the goroutine ready.
func (v *verdict) wokenBy(c *chain.Chain, block *chain.Span, by []int64, fault func(*int, string, ...any)) {
	siblings := block.Parent.Children
	i := slices.Index(siblings, block)
	if i+1 >= len(siblings) || !strings.HasPrefix(siblings[i+1].Name, semconv.SpanWake) {
		return
	}
	wake := siblings[i+1]
	for _, l := range wake.Links {
		to := c.Lookup(l.SpanContext.TraceID(), l.SpanContext.SpanID())
		if to == nil {
			continue
		}
		v.wakers++
		got := goroutineOf(to)
		switch {
		case slices.Contains(by, got):
		case !slices.ContainsFunc(by, func(g int64) bool { return ofProgram(c, g) }):
			v.excused[grantedAndEnded]++
		default:
			fault(&v.waker, "a wake %s of a block %s of %v links to goroutine %d, and %d made it ready",
				wake.Str(semconv.WakeReasonKey), block.Str(semconv.BlockReasonKey), block.Duration(), got, by)
		}
	}
}

// ofProgram reports whether the goroutine is one of the program's. The others are those of
// timers, which end contexts.
func ofProgram(c *chain.Chain, g int64) bool {
	return slices.ContainsFunc(c.Spans, func(s *chain.Span) bool { return s.Int(semconv.GoroutineIDKey) == g })
}

func operation(s *chain.Span) bool {
	switch w, _, _ := strings.Cut(s.Name, " "); w {
	case semconv.SpanRead, semconv.SpanWrite, semconv.SpanSend, semconv.SpanRecv, semconv.SpanSelect,
		semconv.SpanLock, semconv.SpanWait, semconv.SpanSleep, semconv.SpanAwait:
		return true
	}
	return false
}

// goroutineOf is the number of the goroutine that a span is of.
func goroutineOf(s *chain.Span) int64 {
	for ; s != nil; s = s.Parent {
		if id := s.Int(semconv.GoroutineIDKey); id != 0 {
			return id
		}
	}
	return 0
}

// What is not true is found: each of these changes one thing of what was recorded.
func TestJudge(t *testing.T) {
	var c *collector
	tr := known(t, func() {
		c = &collector{spans: make([]sdktrace.ReadOnlySpan, 1<<10)}
		tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(c), sdktrace.WithSampler(sdktrace.AlwaysSample()))
		ctx := trace.New(trace.WithTracerProvider(tp), trace.WithAllOps()).NewContext(context.Background())
		ch := trace.NewChan[int](0)
		receiver := trace.Go(ctx, "receiver", func(ctx context.Context) error { _, err := ch.Recv(ctx); return err })
		work(20 * time.Millisecond)
		sender := trace.Go(ctx, "sender", func(ctx context.Context) error { return ch.Send(ctx, 1) })
		_, _ = receiver.Wait(context.Background()), sender.Wait(context.Background())
	})
	for name, tt := range map[string]struct {
		change func(s *chain.Span)
		want   func(v *verdict) bool
	}{
		"nothing": {func(*chain.Span) {}, func(v *verdict) bool { return len(v.faults) == 0 && v.blocks > 0 && v.wakers > 0 && v.parks > 0 }},
		"a block is left out": {func(s *chain.Span) {
			if strings.HasPrefix(s.Name, semconv.SpanBlock) {
				s.Name = "left"
			}
		}, func(v *verdict) bool { return v.missing > 0 }},
		"a block at another time": {func(s *chain.Span) {
			if strings.HasPrefix(s.Name, semconv.SpanBlock) {
				s.Start, s.End = s.Start.Add(-time.Hour), s.End.Add(-time.Hour)
			}
		}, func(v *verdict) bool { return len(v.threads) > 0 && v.missing > 0 }},
		"another reason": {func(s *chain.Span) {
			if strings.HasPrefix(s.Name, semconv.SpanBlock) {
				s.Attributes = append(slices.Clone(s.Attributes), semconv.BlockReasonKey.String(string(semconv.ReasonNetRead)))
			}
		}, func(v *verdict) bool { return v.wrong > 0 }},
		"another waker": {func(s *chain.Span) {
			if strings.HasPrefix(s.Name, semconv.SpanWake) && len(s.Links) > 0 {
				s.Links = []chain.Link{{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: s.TraceID, SpanID: s.ParentID})}}
			}
		}, func(v *verdict) bool { return v.waker > 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			spans := chain.FromSpans(c.all(t))
			for i := range spans {
				tt.change(&spans[i])
			}
			if v := judge(tr, chain.New(spans, chain.WithoutSkewCorrection())); !tt.want(&v) {
				var table strings.Builder
				v.print(&table)
				t.Errorf("got %q\n%s", v.faults, &table)
			}
		})
	}
}
