package live_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// recording returns a context whose spans go to a recorder.
func recording(t *testing.T, opts ...trace.Option) (context.Context, *tracetest.Recorder) {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	return trace.New(append(opts, trace.WithTracerProvider(rec.TracerProvider()))...).NewContext(t.Context()), rec
}

// lockFor makes a goroutine "boss" hold a lock for d. It returns a goroutine that waits
// for the lock from now on.
func lockFor(ctx context.Context, t *testing.T, d time.Duration) *trace.Task {
	t.Helper()
	mu := new(trace.Mutex)
	held := make(chan struct{})
	boss := trace.Go(ctx, "boss", func(ctx context.Context) error {
		if err := mu.LockContext(ctx); err != nil {
			return err
		}
		close(held)
		err := trace.Sleep(ctx, d)
		mu.Unlock()
		return err
	})
	t.Cleanup(func() { <-boss.Done() })
	<-held
	return trace.Go(ctx, "worker", func(ctx context.Context) error {
		err := mu.LockContext(ctx)
		if err == nil {
			mu.Unlock()
		}
		return err
	})
}

// ages returns how long blocks had lasted when they were reported, in order.
func ages(told []*chain.Span) (all []time.Duration) {
	for _, s := range told {
		age, _ := s.Stalled()
		all = append(all, age)
	}
	return all
}

// A block is reported when it has lasted 1, 10 and 100 s, and at no other time. The
// block's span links to the last report.
func TestWatchCrossing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t)
		stop := live.Watch(t.Context())
		defer stop()
		worker := lockFor(ctx, t, 150*time.Second)
		for _, at := range []struct {
			after time.Duration
			told  int
		}{{999 * time.Millisecond, 0}, {time.Second, 1}, {9999 * time.Millisecond, 1}, {10 * time.Second, 2}, {99 * time.Second, 2}, {100 * time.Second, 3}} {
			time.Sleep(at.after - time.Since(synctestEpoch(worker)))
			synctest.Wait()
			if got := len(rec.Chain().Named(semconv.SpanStalled)); got != at.told {
				t.Fatalf("after %v: %d were told, want %d", at.after, got, at.told)
			}
		}
		if err := worker.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		c := rec.Chain()
		told := c.Named(semconv.SpanStalled)
		if got, want := ages(told), []time.Duration{time.Second, 10 * time.Second, 100 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("told after %v, want %v", got, want)
		}
		tracetest.AssertTree(t, c, `
			worker {goroutine.state=finished}
				lock
					block 150s {block.reason=lock} -> stalled
					wake {wake.reason=unlocked} -> boss
				stalled {block.reason=lock, stalled.operation=lock, stalled.age=1} -> lock
				stalled {stalled.age=10} -> lock -> stalled
				stalled {stalled.age=100, stalled.holder=boss is in sleep for 1m40s, goroutine.name=worker} -> lock -> stalled
		`, tracetest.Below(tracetest.One(t, c, "worker")))
		block := tracetest.One(t, c, "block {block.reason=lock}")
		if len(block.Links) != 1 || block.Links[0].Span != told[2] {
			t.Errorf("the block links to %v, want the last that was told", block.Links)
		}
	})
}

// TestWatchSettles: when a stalled span is exported, the spans of its goroutine and of the
// one that started that have been exported, so that no parent is missing. They are not cut
// again.
func TestWatchSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := sdktracetest.NewSpanRecorder()
		p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
		ctx := trace.New(trace.WithTracerProvider(p)).NewContext(t.Context())
		stop := live.Watch(t.Context())
		defer stop()
		outer := trace.Go(ctx, "outer", func(ctx context.Context) error {
			return lockFor(ctx, t, 30*time.Second).Wait(ctx)
		})
		time.Sleep(time.Second)
		synctest.Wait()
		c := chain.New(chain.FromSpans(spans.Ended()))
		if len(c.Named(semconv.SpanStalled)) == 0 {
			t.Fatal("nothing was told")
		}
		for _, s := range c.Named(semconv.SpanStalled) {
			for p := s; p != nil; p = p.Parent {
				if p.Orphan() {
					t.Errorf("the parent of %v was not exported", p)
				}
			}
		}
		if err := outer.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for _, name := range []string{"outer", "boss", "worker"} {
			if got := len(chain.New(chain.FromSpans(spans.Ended())).Named(name)); got != 2 {
				t.Errorf("%s has %d spans, want 2", name, got)
			}
		}
	})
}

// synctestEpoch returns when a task began to wait: at the bubble's start, since nothing
// before it takes time.
func synctestEpoch(*trace.Task) time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// A goroutine that waits for the next message, a value, a time or the end of its child is
// not stalled.
func TestWatchIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t)
		defer live.Watch(t.Context())()
		c := trace.NewChan[int](0)
		var wg trace.WaitGroup
		wg.Add(1)
		var all []*trace.Task
		for name, wait := range map[string]func(context.Context) error{
			"recv":  func(ctx context.Context) error { _, err := c.Recv(ctx); return err },
			"sleep": func(ctx context.Context) error { return trace.Sleep(ctx, time.Minute) },
			"wait":  wg.WaitContext,
		} {
			all = append(all, trace.Go(ctx, name, wait))
		}
		all = append(all, trace.Go(ctx, "await", all[1].Wait))
		time.Sleep(30 * time.Second)
		wg.Done(ctx)
		if err := c.Send(ctx, 1); err != nil {
			t.Error(err)
		}
		for _, task := range all {
			if err := task.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		tracetest.AssertNone(t, rec.Chain(), semconv.SpanStalled)
	})
}

// At most so many stalls are reported in a second. The others are counted.
func TestWatchRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t)
		defer live.Watch(t.Context(), live.WithStallsPerSecond(3))()
		var all []*trace.Task
		for range 8 {
			all = append(all, lockFor(ctx, t, 20*time.Second))
		}
		for _, task := range all {
			if err := task.Wait(t.Context()); err != nil {
				t.Error(err)
			}
		}
		told := rec.Chain().Named(semconv.SpanStalled)
		if len(told) != 6 {
			t.Fatalf("%d were told of, want 3 after a second and 3 after ten", len(told))
		}
		var left []int64
		for _, s := range told {
			left = append(left, s.Int(semconv.SpansSuppressedKey))
		}
		if want := []int64{0, 0, 0, 5, 0, 0}; !slices.Equal(left, want) {
			t.Errorf("left out before: %v, want %v", left, want)
		}
		for _, s := range told {
			if _, ok := s.StillBlocked(); ok {
				t.Errorf("%v is not over", s)
			}
		}
	})
}

// TestWatchStops: stop and the end of the context end Watch. Then it reports nothing.
func TestWatchStops(t *testing.T) {
	for name, end := range map[string]func(stop, cancel func()){
		"stop":    func(stop, _ func()) { stop(); stop() },
		"context": func(_, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which waits for its goroutines
				ctx, rec := recording(t)
				watched, cancel := context.WithCancel(t.Context())
				stop := live.Watch(watched)
				worker := lockFor(ctx, t, 5*time.Second)
				end(stop, cancel)
				if err := worker.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				cancel()
				tracetest.AssertNone(t, rec.Chain(), semconv.SpanStalled)
			})
		})
	}
}

// Blocks that follow one another are stalls of their own, each reported from its
// beginning.
func TestWatchTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t)
		defer live.Watch(t.Context())()
		for range 3 {
			if err := lockFor(ctx, t, 1500*time.Millisecond).Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := ages(rec.Chain().Named(semconv.SpanStalled)), slices.Repeat([]time.Duration{time.Second}, 3); !slices.Equal(got, want) {
			t.Errorf("told after %v, want %v", got, want)
		}
	})
}

// A block that was reported has a span, even if it is shorter than the minimum.
func TestWatchMinBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t, trace.WithMinBlock(time.Hour))
		defer live.Watch(t.Context())()
		if err := lockFor(ctx, t, 2*time.Second).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tracetest.AssertTree(t, rec.Chain(), `
			worker
				lock
					block 2s -> stalled
					wake -> boss
				stalled -> lock
		`, tracetest.Below(tracetest.One(t, rec.Chain(), "worker")))
	})
}

// Watch looks and reports while goroutines start, block and end.
func TestWatchConcurrently(t *testing.T) {
	ctx, rec := recording(t)
	stop := live.Watch(t.Context(), live.WithStallAfter(50*time.Microsecond), live.WithStallsPerSecond(1<<30))
	var mu trace.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			_ = trace.Handle(ctx, "worker", func(ctx context.Context) error {
				for range 300 {
					if err := mu.LockContext(ctx); err != nil {
						return err
					}
					mu.Unlock()
				}
				return nil
			})
		})
	}
	wg.Wait()
	stop()
	for _, s := range rec.Chain().Named(semconv.SpanStalled) {
		if _, ok := s.StillBlocked(); ok {
			t.Errorf("%v is not over, and all have ended", s)
		}
		if s.Parent == nil || s.Parent.Name != "worker" {
			t.Errorf("%v is below %v", s, s.Parent)
		}
	}
}

// All stalls that are reported at the same time share one execution trace. Their spans
// name its file, if there is one. Errors go to the handler.
func TestWatchTrace(t *testing.T) {
	faults := make(chan error, 10)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		select {
		case faults <- err:
		default:
		}
	}))
	fault := errors.New("the disk is full")
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := recording(t)
		calls := 0
		defer live.Watch(t.Context(), live.WithTrace(func() (string, error) {
			switch calls++; calls {
			case 1:
				return "first.trace", nil
			case 2:
				return "", nil
			default:
				return "", fault
			}
		}))()
		all := []*trace.Task{lockFor(ctx, t, 150*time.Second), lockFor(ctx, t, 150*time.Second)}
		for _, w := range all {
			if err := w.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		var got []string
		for _, s := range rec.Chain().Named(semconv.SpanStalled) {
			got = append(got, s.Str(semconv.StalledTraceKey))
		}
		if want := []string{"first.trace", "first.trace", "", "", "", ""}; calls != 3 || !slices.Equal(got, want) {
			t.Errorf("after %d calls the spans name %q, want %q after 3", calls, got, want)
		}
	})
	if len(faults) != 1 || !errors.Is(<-faults, fault) {
		t.Errorf("got %d faults, want the one of the third call", len(faults))
	}
}
