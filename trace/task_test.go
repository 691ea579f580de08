package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
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
		state  trace.State
		typ    string // error.type
	}{
		{"nil", nil, returns(nil), nil, trace.StateFinished, ""},
		{"EOF", nil, returns(io.EOF), nil, trace.StateFinished, ""},
		{"error", nil, returns(failure), nil, trace.StateFailed, trace.ErrorOther},
		{"foreign cancel", nil, returns(context.Canceled), nil, trace.StateFailed, trace.ErrorCanceled},
		{"canceled", canceled(nil), waits(ctxErr), nil, trace.StateCancelled, ""},
		{"canceled for a cause", canceled(cause), waits(ctxErr), nil, trace.StateCancelled, ""},
		{"canceled, returns the cause", canceled(cause), waits(ctxCause), nil, trace.StateCancelled, ""},
		{"canceled, but fails", canceled(nil), waits(returns(failure)), nil, trace.StateFailed, trace.ErrorOther},
		{"canceled, but finishes", canceled(nil), waits(returns(nil)), nil, trace.StateFinished, ""},
		{"expired", expired, waits(ctxErr), nil, trace.StateFailed, trace.ErrorDeadlineExceeded},
		{
			"own error type", nil, returns(failure),
			[]trace.GoOption{trace.WithErrorType(func(err error) string { return "own " + err.Error() })},
			trace.StateFailed, "own failure",
		},
		{
			"own error type, not asked about nil", nil, returns(nil),
			[]trace.GoOption{trace.WithErrorType(func(err error) string { return err.Error() })},
			trace.StateFinished, "",
		},
		{
			"own error type, no error", nil, returns(failure),
			[]trace.GoOption{trace.WithErrorType(func(error) string { return "" })},
			trace.StateFinished, "",
		},
		{
			"last error type wins, nil is none", nil, returns(failure),
			[]trace.GoOption{
				trace.WithErrorType(func(error) string { return "first" }), nil,
				trace.WithErrorType(func(error) string { return "last" }), trace.WithErrorType(nil),
			},
			trace.StateFailed, "last",
		},
	}
	run := map[string]func(context.Context, func(context.Context) error, ...trace.GoOption) (trace.State, error){
		"Go": func(ctx context.Context, fn func(context.Context) error, opts ...trace.GoOption) (trace.State, error) {
			task := trace.Go(ctx, "g", fn, opts...)
			err := task.Wait(context.Background())
			return task.State(), err
		},
		"Handle": func(ctx context.Context, fn func(context.Context) error, opts ...trace.GoOption) (trace.State, error) {
			return "", trace.Handle(ctx, "g", fn, opts...)
		},
	}
	for _, tt := range tests {
		for how, run := range run {
			t.Run(how+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, rec := record(t.Context())
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
					spans := rec.Ended()
					if len(spans) != 2 || spans[0].Name() != "go g" || spans[1].Name() != "g" {
						t.Fatalf("got spans\n%swant go g and g", tree(rec))
					}
					if got := attr(spans[1], trace.GoroutineStateKey).AsString(); got != string(tt.state) {
						t.Errorf("goroutine.state: got %s, want %s", got, tt.state)
					}
					wantStatus(t, spans[0], "")
					wantStatus(t, spans[1], tt.typ)
				})
			})
		}
	}
}

func TestGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		ctx, op := trace.Start(ctx, "parent")
		attrs := make([]attribute.KeyValue, 1, 8)
		attrs[0] = attribute.Int("a", 1)
		task := trace.Go(ctx, "worker", func(ctx context.Context) error {
			for range 2 {
				time.Sleep(ms)
				_, op := trace.Start(ctx, "step")
				op.Block(trace.ReasonSleep)
				time.Sleep(2 * ms)
				op.Wake(trace.WakeTimer)
				op.End(nil)
			}
			_, op := trace.Start(ctx, "quick")
			op.End(nil)
			return trace.Handle(ctx, "part", func(ctx context.Context) error {
				_, op := trace.Start(ctx, "step")
				op.Block(trace.ReasonLock)
				time.Sleep(ms)
				op.End(nil)
				return nil
			})
		}, trace.WithGoAttributes(attrs...), nil, trace.WithGoAttributes(attribute.Int("b", 2)))
		op.End(nil)
		if err := task.Wait(t.Context()); err != nil {
			t.Errorf("Wait: got %v, want nil", err)
		}
		wantTree(t, rec, `
		parent 0-0
		  go worker 0-0 a=1 b=2 goroutine.id=ID goroutine.name=worker
		    worker 0-7 a=1 b=2 block.count=3 block.duration=0.005 goroutine.blocked.lock=0.001 goroutine.blocked.sleep=0.004 goroutine.id=ID goroutine.name=worker goroutine.running=0.002 goroutine.state=finished
		    step 1-3 block.count=1 block.duration=0.002
		      block 1-3 block.reason=sleep
		      wake 3-3 wake.reason=timer
		    step 4-6 block.count=1 block.duration=0.002
		      block 4-6 block.reason=sleep
		      wake 6-6 wake.reason=timer
		    quick 6-6
		    go part 6-6 goroutine.id=ID goroutine.name=part
		      step 6-7 block.count=1 block.duration=0.001
		        block 6-7 block.reason=lock
		      part 6-7 block.count=1 block.duration=0.001 goroutine.blocked.lock=0.001 goroutine.id=ID goroutine.name=part goroutine.running=0 goroutine.state=finished
		`)
		if attrs[:2][1].Valid() {
			t.Error("an attribute was written into the caller's array")
		}
	})
}

// While a goroutine lives nothing of it is open, and its number is the
// runtime's.
func TestGoIsNotOpen(t *testing.T) {
	ctx, rec := record(t.Context())
	check := func(context.Context) error {
		if got, want := len(rec.Started()), len(rec.Ended()); got != want {
			t.Errorf("while it lives: got %d spans started, %d ended", got, want)
		}
		spans := rec.Ended()
		span := spans[len(spans)-1]
		if got, want := span.Name(), "go g"; got != want {
			t.Errorf("while it lives: got span %q last, want %q", got, want)
		}
		if got, want := attr(span, trace.GoroutineIDKey).AsInt64(), goroutine(); got != want {
			t.Errorf("goroutine.id: got %d, want %d", got, want)
		}
		return nil
	}
	if err := trace.Go(ctx, "g", check).Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := trace.Handle(ctx, "g", check); err != nil {
		t.Error(err)
	}
	spans := rec.Ended()
	if len(spans) != 4 {
		t.Fatalf("got %d spans, want 4", len(spans))
	}
	for i, s := range spans {
		if d := s.EndTime().Sub(s.StartTime()); d < 1 {
			t.Errorf("span %d: %s lasts %v, want 1ns at least", i, s.Name(), d)
		}
		if i%2 == 1 && !s.StartTime().Equal(spans[i-1].EndTime()) {
			t.Errorf("%s starts %v after %s ended", s.Name(), s.StartTime().Sub(spans[i-1].EndTime()), spans[i-1].Name())
		}
	}
}

func TestTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		cause := errors.New("no longer needed")
		var fnCtx context.Context
		task := trace.Go(ctx, "g", func(ctx context.Context) error {
			fnCtx = ctx
			<-ctx.Done()
			return context.Cause(ctx)
		})
		if got := task.State(); got != trace.StatePending && got != trace.StateRunning {
			t.Errorf("State after Go: got %s, want %s or %s", got, trace.StatePending, trace.StateRunning)
		}
		synctest.Wait()
		if got := task.State(); got != trace.StateRunning {
			t.Errorf("State: got %s, want %s", got, trace.StateRunning)
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
		if got := task.State(); got != trace.StateCancelled {
			t.Errorf("State: got %s, want %s", got, trace.StateCancelled)
		}
		synctest.Wait()
		if fnCtx.Err() == nil {
			t.Error("the function's context lives on")
		}
		wantTree(t, rec, `
		go g 0-0 goroutine.id=ID goroutine.name=g
		  g 0-1 goroutine.id=ID goroutine.name=g goroutine.state=cancelled
		`)
	})
}

// A context is released when the function has returned, even where nobody
// cancels it.
func TestGoReleasesContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := record(t.Context())
		var fnCtx context.Context
		_ = trace.Go(ctx, "g", func(ctx context.Context) error { fnCtx = ctx; return nil }).Wait(ctx)
		synctest.Wait()
		if got := fnCtx.Err(); got != context.Canceled {
			t.Errorf("got %v, want %v", got, context.Canceled)
		}
	})
}

func TestTaskConcurrentSafe(t *testing.T) {
	ctx, rec := record(t.Context())
	task := trace.Go(ctx, "g", func(ctx context.Context) error {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 100 {
					_, op := trace.Start(ctx, "op")
					op.Block(trace.ReasonSleep)
					op.Wake(trace.WakeTimer)
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
	spans := rec.Ended()
	if got := attr(spans[len(spans)-1], trace.BlockCountKey).AsInt64(); got != 400 {
		t.Errorf("block.count: got %d, want 400", got)
	}
}

func TestGoexit(t *testing.T) {
	ctx, rec := record(t.Context())
	task := trace.Go(ctx, "g", func(context.Context) error {
		runtime.Goexit()
		return nil
	})
	if got := task.Wait(t.Context()); got != trace.ErrGoexit {
		t.Errorf("Wait: got %v, want %v", got, trace.ErrGoexit)
	}
	if got := task.State(); got != trace.StateFailed {
		t.Errorf("State: got %s, want %s", got, trace.StateFailed)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = trace.Handle(ctx, "h", func(context.Context) error {
			defer func() { _ = recover() }() // the panic ends here, the exit goes on
			defer panic("while exiting")
			runtime.Goexit()
			return nil
		})
		t.Error("Handle returned after Goexit")
	}()
	<-done
	for _, i := range []int{1, 3} {
		if got := attr(rec.Ended()[i], trace.GoroutineStateKey).AsString(); got != string(trace.StateFailed) {
			t.Errorf("goroutine.state: got %s, want %s", got, trace.StateFailed)
		}
		wantStatus(t, rec.Ended()[i], trace.ErrorOther)
	}
}

// A panic reaches the caller of Handle as it was thrown.
func TestHandlePanic(t *testing.T) {
	value := &struct{ n int }{7}
	var nilMap map[string]int
	tests := []struct {
		name  string
		fn    func()
		check func(any) bool
	}{
		{"value", func() { panic(value) }, func(v any) bool { return v == any(value) }},
		{"runtime error", func() { nilMap["x"] = 1 }, func(v any) bool { _, ok := v.(runtime.Error); return ok }},
		{
			"again while panicking", func() {
				defer func() { panic(value) }()
				panic("first")
			},
			func(v any) bool { return v == any(value) },
		},
		{
			"while exiting", func() {
				defer func() { panic(value) }()
				runtime.Goexit()
			},
			func(v any) bool { return v == any(value) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t.Context())
			done := make(chan any)
			go func() {
				var v any
				defer func() { done <- v }() // runs for a Goexit too
				defer func() { v = recover() }()
				_ = trace.Handle(ctx, "g", func(context.Context) error {
					tt.fn()
					return nil
				})
			}()
			if v := <-done; !tt.check(v) {
				t.Errorf("recovered %v", v)
			}
			if got := len(rec.Ended()); got != 2 {
				t.Fatalf("got %d spans, want 2", got)
			}
			if got := attr(rec.Ended()[1], trace.GoroutineStateKey).AsString(); got != string(trace.StatePanicked) {
				t.Errorf("goroutine.state: got %s, want %s", got, trace.StatePanicked)
			}
			wantStatus(t, rec.Ended()[1], trace.ErrorPanic)
		})
	}
}

// A panic that the function recovers itself is no panic.
func TestHandleRecovered(t *testing.T) {
	ctx, rec := record(t.Context())
	err := trace.Handle(ctx, "g", func(context.Context) (err error) {
		defer func() { err = fmt.Errorf("recovered: %v", recover()) }()
		panic("boom")
	})
	if err == nil || err.Error() != "recovered: boom" {
		t.Errorf("got %v, want recovered: boom", err)
	}
	if got := attr(rec.Ended()[1], trace.GoroutineStateKey).AsString(); got != string(trace.StateFailed) {
		t.Errorf("goroutine.state: got %s, want %s", got, trace.StateFailed)
	}
}

// A panic in a goroutine crashes the program as it would without us: the same
// output but for our frames, and exit code 2. The span is exported before, and
// nobody who waits goes on.
func TestGoPanic(t *testing.T) {
	if how := os.Getenv("WAKECHAIN_TEST_PANIC"); how != "" {
		crash(how)
	}
	output := map[string]string{}
	for _, how := range []string{"bare", "traced"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGoPanic$")
		cmd.Env = append(os.Environ(), "WAKECHAIN_TEST_PANIC="+how, "GOTRACEBACK=single")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Fatalf("%s: got %v, want exit status 2\n%s%s", how, err, stdout.String(), stderr.String())
		}
		output[how] = stderr.String()
		want := ""
		if how == "traced" {
			want = "go boom \nboom panicked\n"
		}
		if got := stdout.String(); got != want {
			t.Errorf("%s: stdout: got %q, want %q", how, got, want)
		}
	}
	// What comes before the frames of what called the function.
	head := func(s string) string {
		s = regexp.MustCompile(`goroutine \d+|0x[0-9a-f?]+|\(\.\.\.\)|\([^()\n]*\)|\[.*\]`).ReplaceAllString(s, "_")
		head, _, found := strings.Cut(s, "trace_test.crash.")
		if !found {
			t.Errorf("got\n%s\nwant the frame of the function that panicked", s)
		}
		return head
	}
	if got, want := head(output["traced"]), head(output["bare"]); got != want || !strings.HasPrefix(want, "panic: ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(output["traced"], "recovered") {
		t.Errorf("got\n%s\nwant a panic that nobody recovered", output["traced"])
	}
}

func crash(how string) {
	fn := func(context.Context) error { panic(fmt.Errorf("boom: %w", io.ErrUnexpectedEOF)) }
	if how == "bare" {
		go func() { _ = fn(context.Background()) }()
		select {}
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printStates{}))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())
	task := trace.Go(ctx, "boom", fn)
	err := task.Wait(context.Background())
	fmt.Println("went on:", err)
	select {}
}

type printStates struct{}

func (printStates) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Println(s.Name(), attr(s, trace.GoroutineStateKey).AsString())
	}
	return nil
}

func (printStates) Shutdown(context.Context) error { return nil }

// Where nothing is recorded, the function runs all the same.
func TestGoOff(t *testing.T) {
	ctx := new(trace.Tracer).NewContext(t.Context())
	failure := errors.New("failure")
	task := trace.Go(ctx, "g", func(context.Context) error { return failure })
	if got := task.Wait(t.Context()); got != failure {
		t.Errorf("Go: got %v, want %v", got, failure)
	}
	if got := task.State(); got != trace.StateFailed {
		t.Errorf("State: got %s, want %s", got, trace.StateFailed)
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
		ctx, rec := record(t.Context())
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
		var got []trace.State
		for range 6 {
			time.Sleep(ms - time.Nanosecond)
			got = append(got, task.State())
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if len(got) == 3 {
				_ = c.Send(ctx, 1)
			}
		}
		want := []trace.State{
			trace.StateRunning, trace.StateBlocked, trace.StateBlocked,
			trace.StateBlocked, trace.StateBlocked, trace.StateFinished,
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		last := rec.Ended()[len(rec.Ended())-1]
		for key, want := range map[attribute.Key]float64{
			trace.GoroutineRunningKey:                       0.001,
			trace.GoroutineBlockedKey(trace.ReasonChanRecv): 0.002,
			trace.GoroutineBlockedKey(trace.ReasonSleep):    0.003,
			trace.BlockDurationKey:                          0.005,
		} {
			if got := attr(last, key).AsFloat64(); got != want {
				t.Errorf("%s: got %v, want %v", key, got, want)
			}
		}
	})
}

// What still blocks when the goroutine ends counts until then.
func TestTaskEndsWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		_ = trace.Handle(ctx, "g", func(ctx context.Context) error {
			_ = trace.Sleep(ctx, ms)
			go func() { _ = trace.Sleep(ctx, 3*ms) }()
			time.Sleep(2 * ms)
			return nil
		})
		time.Sleep(5 * ms)
		for _, s := range rec.Ended() {
			if s.Name() == "g" && attr(s, trace.GoroutineRunningKey).AsFloat64() != 0 {
				t.Errorf("running: got %v, want 0", attr(s, trace.GoroutineRunningKey))
			}
		}
	})
}

func TestTaskWaitIsAnOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context(), trace.WithAllOps())
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
		wantShape(t, rec, `
		go g 0-0
		  g 0-2 Error _OTHER failed
		await 0-1
		  block 0-1 future
		  wake 1-1 canceled
		await 1-2
		  block 1-2 future
		  wake 2-2 done -> go g
		await 2-2
		`)
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
	ctx, _ := record(t.Context())
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
