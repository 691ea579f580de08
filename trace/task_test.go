package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// How a function can end, by Go and by Handle.
func TestStates(t *testing.T) {
	failure, cause := errors.New("failure"), errors.New("cause")
	returns := func(err error) func(context.Context) error {
		return func(context.Context) error { return err }
	}
	waits := func(err func(context.Context) error) func(context.Context) error {
		return func(ctx context.Context) error {
			<-ctx.Done()
			return err(ctx)
		}
	}
	ctxErr := func(ctx context.Context) error { return fmt.Errorf("fn: %w", ctx.Err()) }
	ctxCause := func(ctx context.Context) error { return fmt.Errorf("fn: %w", context.Cause(ctx)) }
	type parent = func(context.Context) (context.Context, context.CancelFunc)
	canceled := func(cause error) parent {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			time.AfterFunc(ms, func() { cancel(cause) })
			return ctx, func() { cancel(nil) }
		}
	}
	expired := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, ms)
	}
	tests := []struct {
		name   string
		parent parent // nil: does not end
		fn     func(context.Context) error
		opts   []trace.GoOption
		state  semconv.State
		typ    string // error.type
	}{
		{"nil", nil, returns(nil), nil, semconv.StateFinished, ""},
		{"EOF", nil, returns(io.EOF), nil, semconv.StateFinished, ""},
		{"error", nil, returns(failure), nil, semconv.StateFailed, semconv.ErrorOther},
		{"foreign cancel", nil, returns(context.Canceled), nil, semconv.StateFailed, semconv.ErrorCanceled},
		{"canceled", canceled(nil), waits(ctxErr), nil, semconv.StateCanceled, ""},
		{"canceled for a cause", canceled(cause), waits(ctxErr), nil, semconv.StateCanceled, ""},
		{"canceled, returns the cause", canceled(cause), waits(ctxCause), nil, semconv.StateCanceled, ""},
		{"canceled, but fails", canceled(nil), waits(returns(failure)), nil, semconv.StateFailed, semconv.ErrorOther},
		{"canceled, but finishes", canceled(nil), waits(returns(nil)), nil, semconv.StateFinished, ""},
		{"expired", expired, waits(ctxErr), nil, semconv.StateFailed, semconv.ErrorDeadlineExceeded},
		{
			"own error type", nil, returns(failure),
			[]trace.GoOption{trace.WithErrorType(func(err error) string { return "own " + err.Error() })},
			semconv.StateFailed, "own failure",
		},
		{
			"own error type, not asked about nil", nil, returns(nil),
			[]trace.GoOption{trace.WithErrorType(func(err error) string { return err.Error() })},
			semconv.StateFinished, "",
		},
		{
			"own error type, no error", nil, returns(failure),
			[]trace.GoOption{trace.WithErrorType(func(error) string { return "" })},
			semconv.StateFinished, "",
		},
		{
			"last error type wins, nil is none", nil, returns(failure),
			[]trace.GoOption{
				trace.WithErrorType(func(error) string { return "first" }), nil,
				trace.WithErrorType(func(error) string { return "last" }), trace.WithErrorType(nil),
			},
			semconv.StateFailed, "last",
		},
	}
	run := map[string]func(context.Context, func(context.Context) error, ...trace.GoOption) (semconv.State, error){
		"Go": func(ctx context.Context, fn func(context.Context) error, opts ...trace.GoOption) (semconv.State, error) {
			task := trace.Go(ctx, "g", fn, opts...)
			err := task.Wait(context.Background())
			return task.State(), err
		},
		"Handle": func(ctx context.Context, fn func(context.Context) error, opts ...trace.GoOption) (semconv.State, error) {
			return "", trace.Handle(ctx, "g", fn, opts...)
		},
	}
	for _, tt := range tests {
		for how, run := range run {
			t.Run(how+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, rec := record(t)
					if tt.parent != nil {
						var cancel context.CancelFunc
						ctx, cancel = tt.parent(ctx)
						defer cancel()
					}
					var returned error
					state, err := run(ctx, func(ctx context.Context) error {
						returned = tt.fn(ctx)
						return returned
					}, tt.opts...)
					if err != returned {
						t.Errorf("error: got %v, want %v itself", err, returned)
					}
					if state != "" && state != tt.state {
						t.Errorf("State: got %s, want %s", state, tt.state)
					}
					tracetest.AssertTree(t, rec.Chain(), fmt.Sprintf(`
						g {goroutine.state=%s}
					`, tt.state))
					wantStatus(t, tracetest.One(t, rec.Chain(), "g"), tt.typ)
				})
			})
		}
	}
}

func TestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		ctx, op := trace.Start(ctx, "parent")
		attrs := make([]attribute.KeyValue, 1, 8)
		attrs[0] = attribute.Int("a", 1)
		task := trace.Go(ctx, "worker", func(ctx context.Context) error {
			for range 2 {
				time.Sleep(ms)
				_, op := trace.Start(ctx, "step")
				op.Block(semconv.ReasonSleep)
				time.Sleep(2 * ms)
				op.Wake(semconv.WakeTimer)
				op.End(nil)
			}
			_, op := trace.Start(ctx, "quick")
			op.End(nil)
			return trace.Handle(ctx, "part", func(ctx context.Context) error {
				_, op := trace.Start(ctx, "step")
				op.Block(semconv.ReasonLock)
				time.Sleep(ms)
				op.End(nil)
				return nil
			})
		}, trace.WithGoAttributes(attrs...), nil, trace.WithGoAttributes(attribute.Int("b", 2)))
		op.End(nil)
		if err := task.Wait(t.Context()); err != nil {
			t.Errorf("Wait: got %v, want nil", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			parent @0s 0s
				worker @0s 7ms {a=1, b=2, block.count=3, block.duration=0.005, goroutine.blocked.lock=0.001, goroutine.blocked.sleep=0.004, goroutine.id, goroutine.name=worker, goroutine.running=0.002, goroutine.start_delay=0, goroutine.state=finished, block.longest.duration=0.002, block.longest.reason=sleep} -> step
					step @1ms 2ms {block.duration=0.002}
						block @1ms 2ms {block.reason=sleep}
						wake @3ms 0s {wake.reason=timer}
					step @4ms 2ms {block.duration=0.002}
						block @4ms 2ms {block.reason=sleep}
						wake @6ms 0s {wake.reason=timer}
					quick @6ms 0s
					part @6ms 1ms {block.duration=0.001, goroutine.blocked.lock=0.001, goroutine.id, goroutine.name=part, goroutine.running=0, goroutine.state=finished, block.longest.duration=0.001, block.longest.reason=lock} -> step
						step @6ms 1ms {block.duration=0.001}
							block @6ms 1ms {block.reason=lock}
		`, whole...)
		if attrs[:2][1].Valid() {
			t.Error("an attribute was written into the caller's array")
		}
	})
}

// A goroutine's number is the runtime's, and a call of Handle has no delay.
func TestGoroutineID(t *testing.T) {
	ctx, rec := record(t)
	ids := make([]int64, 0, 2)
	check := func(context.Context) error {
		ids = append(ids, goroutine())
		return nil
	}
	if err := trace.Go(ctx, "g", check).Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := trace.Handle(ctx, "g", check); err != nil {
		t.Error(err)
	}
	tracetest.AssertTree(t, rec.Chain(), `
		g >0s {goroutine.start_delay}
		g >0s {!goroutine.start_delay}
	`)
	for i, s := range rec.Chain().Named("g") {
		if got := s.Int(semconv.GoroutineIDKey); got != ids[i] {
			t.Errorf("goroutine.id: got %d, want %d", got, ids[i])
		}
	}
}

func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		cause := errors.New("no longer needed")
		var fnCtx context.Context
		task := trace.Go(ctx, "g", func(ctx context.Context) error {
			fnCtx = ctx
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if got := task.State(); got != semconv.StatePending && got != semconv.StateRunning {
			t.Errorf("State after Go: got %s, want %s or %s", got, semconv.StatePending, semconv.StateRunning)
		}
		synctest.Wait()
		if got := task.State(); got != semconv.StateRunning {
			t.Errorf("State: got %s, want %s", got, semconv.StateRunning)
		}
		select {
		case <-task.Done():
			t.Error("Done is closed while the function runs")
		default:
		}

		impatience := errors.New("impatience")
		waiting, cancel := context.WithTimeoutCause(t.Context(), ms, impatience)
		defer cancel()
		if got := task.Wait(waiting); got != impatience {
			t.Errorf("Wait, whose context ends first: got %v, want %v", got, impatience)
		}

		task.Cancel(cause)
		task.Cancel(errors.New("too late"))
		if got := task.Wait(t.Context()); got != cause {
			t.Errorf("Wait after Cancel: got %v, want %v", got, cause)
		}
		if got := task.Wait(waiting); got != cause {
			t.Errorf("Wait with an ended context: got %v, want the function's %v", got, cause)
		}
		<-task.Done()
		if got := task.State(); got != semconv.StateCanceled {
			t.Errorf("State: got %s, want %s", got, semconv.StateCanceled)
		}
		synctest.Wait()
		if fnCtx.Err() == nil {
			t.Error("the function's context lives on")
		}
		tracetest.AssertTree(t, rec.Chain(), `
			g @0s 1ms {goroutine.id, goroutine.name=g, goroutine.start_delay=0, goroutine.state=canceled}
		`, whole...)
	})
}

// A context is released when the function has returned, even where nobody
// cancels it.
func TestGoReleasesContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := record(t)
		var fnCtx context.Context
		_ = trace.Go(ctx, "g", func(ctx context.Context) error { fnCtx = ctx; return nil }).Wait(ctx)
		synctest.Wait()
		if got := fnCtx.Err(); got != context.Canceled {
			t.Errorf("got %v, want %v", got, context.Canceled)
		}
	})
}

func TestTaskConcurrentSafe(t *testing.T) {
	ctx, rec := record(t)
	task := trace.Go(ctx, "g", func(ctx context.Context) error {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					_, op := trace.Start(ctx, "op")
					op.Block(semconv.ReasonSleep)
					op.Wake(semconv.WakeTimer)
					op.End(nil)
				}
			})
		}
		wg.Wait()
		<-ctx.Done()
		return ctx.Err()
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_ = task.State()
			task.Cancel(nil)
			if err := task.Wait(t.Context()); !errors.Is(err, context.Canceled) {
				t.Errorf("Wait: got %v, want %v", err, context.Canceled)
			}
			<-task.Done()
		})
	}
	wg.Wait()
	if got := tracetest.One(t, rec.Chain(), "g").Int(semconv.BlockCountKey); got != 400 {
		t.Errorf("block.count: got %d, want 400", got)
	}
}

// Where nothing is recorded, the function runs all the same.
func TestGoOff(t *testing.T) {
	ctx := new(trace.Tracer).NewContext(t.Context())
	failure := errors.New("failure")
	task := trace.Go(ctx, "g", func(context.Context) error { return failure })
	if got := task.Wait(t.Context()); got != failure {
		t.Errorf("Go: got %v, want %v", got, failure)
	}
	if got := task.State(); got != semconv.StateFailed {
		t.Errorf("State: got %s, want %s", got, semconv.StateFailed)
	}
	got := trace.Handle(ctx, "g", func(got context.Context) error {
		if got != ctx {
			t.Error("Handle: got another context, want the caller's")
		}
		return failure
	})
	if got != failure {
		t.Errorf("Handle: got %v, want %v", got, failure)
	}
}

// A task is blocked while one of its operations is, and says how long it was not.
func TestTaskBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		c := trace.NewChan[int](0)
		task := trace.Go(ctx, "g", func(ctx context.Context) error {
			time.Sleep(ms) // not an operation: running, as far as one can see
			_, _ = c.Recv(ctx)
			var wg sync.WaitGroup // operations that overlap count once
			for i := range 2 {
				wg.Go(func() { _ = trace.Sleep(ctx, time.Duration(i+1)*ms) })
			}
			wg.Wait()
			return nil
		})
		var got []semconv.State
		for range 6 {
			time.Sleep(ms - time.Nanosecond)
			got = append(got, task.State())
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if len(got) == 3 {
				_ = c.Send(ctx, 1)
			}
		}
		want := []semconv.State{
			semconv.StateRunning, semconv.StateBlocked, semconv.StateBlocked,
			semconv.StateBlocked, semconv.StateBlocked, semconv.StateFinished,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		tracetest.One(t, rec.Chain(), "g {goroutine.running=0.001, goroutine.blocked.chan.recv=0.002, "+
			"goroutine.blocked.sleep=0.003, block.duration=0.005}")
	})
}

// What still blocks when the goroutine ends counts until then.
func TestTaskEndsWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_ = trace.Handle(ctx, "g", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, ms)
			go func() { _ = trace.Sleep(ctx, 3*ms) }()
			time.Sleep(2 * ms)
			return nil
		})
		time.Sleep(5 * ms)
		tracetest.One(t, rec.Chain(), "g {goroutine.running=0}")
	})
}

func TestTaskWaitIsAnOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t, trace.WithAllOps())
		task := trace.Go(ctx, "g", func(context.Context) error { time.Sleep(2 * ms); return errEnough })
		if err := task.Err(); err != nil {
			t.Errorf("Err while it runs: got %v, want nil", err)
		}
		_ = task.Wait(caused(ctx, ms, nil))
		for range 2 {
			if err := task.Wait(ctx); err != errEnough || task.Err() != errEnough {
				t.Errorf("Wait: got %v, Err: %v, want %v", err, task.Err(), errEnough)
			}
		}
		tracetest.AssertTree(t, rec.Chain(), `
			g @0s 2ms {status=error, error.type=_OTHER, goroutine.state=failed}
			await @0s 1ms
				block @0s 1ms {block.reason=future}
				wake @1ms 0s {wake.reason=canceled}
			await @1ms 1ms
				block @1ms 1ms {block.reason=future}
				wake @2ms 0s {wake.reason=done} -> g
			await @2ms 0s
		`, shape...)
	})
}

// Profiles name the goroutine.
func TestLabels(t *testing.T) {
	labels := func() string {
		var b strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
		own := ""
		for record := range strings.SplitSeq(b.String(), "\n\n") {
			if strings.Contains(record, "TestLabels.func1") {
				_, label, _ := strings.Cut(record, "# labels: ")
				own, _, _ = strings.Cut(label, "\n")
			}
		}
		return own
	}
	ctx, _ := record(t)
	want := func(when, want string) {
		t.Helper()
		if got := labels(); got != want {
			t.Errorf("%s: got labels %s, want %s", when, got, want)
		}
	}
	pprof.Do(ctx, pprof.Labels("user", "1"), func(ctx context.Context) {
		_ = trace.Handle(ctx, "outer", func(ctx context.Context) error {
			want("in Handle", `{"goroutine.name":"outer", "user":"1"}`)
			protect(func() {
				_ = trace.Handle(ctx, "inner", func(context.Context) error { panic("boom") })
			})
			want("after a panic", `{"goroutine.name":"outer", "user":"1"}`)
			return nil
		})
		want("after Handle", `{"user":"1"}`)
		_ = trace.Handle(new(trace.Tracer).NewContext(ctx), "off", func(context.Context) error {
			want("in a Handle that is off", `{"user":"1"}`)
			return nil
		})
	})
	_ = trace.Go(ctx, "worker", func(context.Context) error {
		want("in Go", `{"goroutine.name":"worker"}`)
		return nil
	}).Wait(ctx)
}
