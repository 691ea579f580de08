package trace_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// waits are waits of all kinds for something with options, each until its context ends.
func waits(opts ...trace.PrimitiveOption) map[string]func(ctx context.Context) {
	return map[string]func(ctx context.Context){
		"send": func(ctx context.Context) { _ = trace.NewChan[int](0, opts...).Send(ctx, 1) },
		"recv": func(ctx context.Context) { _, _ = trace.NewChan[int](0, opts...).Recv(ctx) },
		"lock": func(ctx context.Context) {
			m := trace.NewMutex(opts...)
			_ = m.LockContext(ctx)
			_ = m.LockContext(ctx)
		},
		"rlock": func(ctx context.Context) {
			rw := trace.NewRWMutex(opts...)
			_ = rw.LockContext(ctx)
			_ = rw.RLocker().LockContext(ctx)
		},
		"acquire": func(ctx context.Context) { _ = trace.NewSemaphore(0, opts...).Acquire(ctx, 1) },
		"cond": func(ctx context.Context) {
			var m trace.Mutex
			_ = m.LockContext(ctx)
			_ = trace.NewCond(opts...).WaitContext(ctx, &m)
		},
		"waitgroup": func(ctx context.Context) {
			wg := trace.NewWaitGroup(opts...)
			wg.Add(1)
			_ = wg.WaitContext(ctx)
		},
		"await": func(ctx context.Context) { _, _ = trace.NewFuture[int](opts...).Await(ctx) },
		"group": func(ctx context.Context) {
			g, _ := trace.NewGroup(ctx, opts...)
			g.SetLimit(0)
			g.Go(ctx, "never", func(context.Context) error { return nil })
		},
	}
}

// The span of a wait has the name of its primitive or, without one, the place of the call.
func TestNames(t *testing.T) {
	for name, wait := range waits(trace.WithName("users"), nil) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				ctx, cancel := context.WithTimeout(ctx, ms)
				defer cancel()
				wait(ctx)
				spans := rec.Chain().Spans
				if got := spans[0].Str(semconv.SyncNameKey); got != "users" {
					t.Errorf("%s: got the name %q", spans[0], got)
				}
				if got := spans[0].Str(semconv.CodeFunctionNameKey); got != "" {
					t.Errorf("%s: got the place %q, too", spans[0], got)
				}
			})
		})
	}
	for name, wait := range waits() {
		t.Run("unnamed "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t)
				ctx, cancel := context.WithTimeout(ctx, ms)
				defer cancel()
				wait(ctx)
				s := rec.Chain().Spans[0]
				if got, want := s.Str(semconv.CodeFunctionNameKey), "trace_test.waits.func"; !strings.Contains(got, want) {
					t.Errorf("%s: got the place %q, want one with %q", s, got, want)
				}
				if line := s.Int(semconv.CodeLineNumberKey); line < 20 || line > 60 {
					t.Errorf("%s: got line %d", s, line)
				}
			})
		})
	}
}

// The place of a range over a channel is the loop, also where the compiler has put the
// iterator into the function around it.
func TestPlaceOfRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		c := trace.NewChan[int](0)
		g := trace.Go(ctx, "receiver", func(ctx context.Context) error {
			for range c.All(ctx) {
				synctest.Wait()
			}
			return nil
		})
		synctest.Wait()
		c.Close(ctx)
		_ = g.Wait(ctx)
		s := tracetest.One(t, rec.Chain(), semconv.SpanRecv)
		if got, want := s.Str(semconv.CodeFunctionNameKey), trace.ScopeName+"/trace_test.TestPlaceOfRange."; !strings.HasPrefix(got, want) || strings.Contains(got, "All") {
			t.Errorf("%s: got the place %q, want one in %s", s, got, want)
		}
	})
}

// A zero value has the place of each call, until it is given a name.
func TestSetName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var s struct {
			m  trace.Mutex
			rw trace.RWMutex
			wg trace.WaitGroup
			c  trace.Chan[int]
			o  trace.Once
		}
		s.m.SetName("m")
		s.rw.SetName("rw")
		s.wg.SetName("wg")
		s.c.SetName("c")
		s.o.SetName("o")
		ctx, cancel := context.WithTimeout(ctx, ms)
		defer cancel()
		s.wg.Add(1)
		_, _ = s.m.LockContext(ctx), s.rw.LockContext(ctx)
		go func() { _ = s.o.DoContext(ctx, func() { time.Sleep(time.Second) }) }()
		synctest.Wait()
		for _, wait := range []func(){
			func() { _ = s.m.LockContext(ctx) },
			func() { _ = s.rw.RLockContext(ctx) },
			func() { _ = s.wg.WaitContext(ctx) },
			func() { _, _ = s.c.Recv(ctx) },
			func() { _ = s.o.DoContext(ctx, func() {}) },
		} {
			go wait()
		}
		time.Sleep(time.Second)
		got := map[string]bool{}
		for _, sp := range rec.Chain().Spans {
			if name := sp.Str(semconv.SyncNameKey); name != "" {
				got[name] = true
			}
		}
		if len(got) != 5 {
			t.Errorf("got the names %v, want m, rw, wg, c and o", got)
		}
	})
}

// A select has the name of the channel that it chose.
func TestNameOfCase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		jobs, quit := trace.NewChan[int](0, trace.WithName("jobs")), trace.NewChan[int](0)
		for _, c := range []*trace.Chan[int]{jobs, quit} {
			go func() {
				time.Sleep(ms)
				_ = c.Send(ctx, 1)
			}()
			_, _ = trace.Select(ctx, jobs.CaseRecv(nil, nil), quit.CaseRecv(nil, nil))
		}
		tracetest.AssertTree(t, rec.Chain(), `
			select {select.case=0, select.case.name=jobs}
				block
				wake
			select {select.case=1}
				block
				wake
		`, tracetest.Exact(semconv.SelectCaseKey, semconv.SelectCaseNameKey))
	})
}

// Metrics have a name only with WithNameInMetrics.
func TestNameInMetrics(t *testing.T) {
	for want, opts := range map[string][]trace.PrimitiveOption{
		"":      {trace.WithName("users")},
		"users": {trace.WithName("users"), trace.WithNameInMetrics()},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := sdkmetric.NewManualReader()
			ctx := trace.New(trace.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(r)))).NewContext(t.Context())
			ctx, cancel := context.WithTimeout(ctx, ms)
			defer cancel()
			m := trace.NewMutex(opts...)
			_, _ = m.LockContext(ctx), m.LockContext(ctx)
			attrs := []attribute.KeyValue{semconv.BlockReasonKey.String("lock")}
			if want != "" {
				attrs = append(attrs, semconv.SyncNameKey.String(want))
			}
			if got := blockedSeconds(t, r); len(got) != 1 || got[key(attrs...)] != .001 {
				t.Errorf("%q: got %v", want, got)
			}
		})
	}
}

// Finding the place of a call again allocates nothing.
func TestNameAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	if n := testing.AllocsPerRun(100, func() { runtime.KeepAlive(trace.Place()) }); n != 0 {
		t.Errorf("got %v allocations", n)
	}
}
