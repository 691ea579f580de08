package trace_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

const ms = time.Millisecond

func TestOp(t *testing.T) {
	tests := []struct {
		name string
		opts []trace.Option
		do   func(*trace.Op)
		want string
	}{
		{"never parked", nil, func(op *trace.Op) {
			time.Sleep(ms)
			op.End(nil, attribute.Int("n", 7))
		}, `
			op 0-1 n=7
		`},
		{"tiles", nil, func(op *trace.Op) {
			time.Sleep(ms)
			op.Block(trace.ReasonChanRecv)
			time.Sleep(2 * ms)
			op.Wake(trace.WakeReceived)
			time.Sleep(3 * ms)
			op.Block(trace.ReasonLock)
			time.Sleep(4 * ms)
			op.Wake(trace.WakeUnlocked)
			time.Sleep(5 * ms)
			op.End(nil)
		}, `
			op 0-15 block.count=2 block.duration=0.006
				block 1-3 block.reason=chan.recv
				wake 3-6 wake.reason=received
				block 6-10 block.reason=lock
				wake 10-15 wake.reason=unlocked
		`},
		{"ends while blocked", nil, func(op *trace.Op) {
			op.Block(trace.ReasonSelect)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op 0-1 block.count=1 block.duration=0.001
				block 0-1 block.reason=select
		`},
		{"ends while blocked again", nil, func(op *trace.Op) {
			op.Block(trace.ReasonSelect)
			time.Sleep(ms)
			op.Wake(trace.WakeSent)
			time.Sleep(ms)
			op.Block(trace.ReasonSleep)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op 0-3 block.count=2 block.duration=0.002
				block 0-1 block.reason=select
				wake 1-2 wake.reason=sent
				block 2-3 block.reason=sleep
		`},
		{"twice is once", nil, func(op *trace.Op) {
			op.Wake(trace.WakeTimer)
			op.Block(trace.ReasonSelect)
			time.Sleep(ms)
			op.Block(trace.ReasonSleep)
			time.Sleep(ms)
			op.Wake(trace.WakeSent)
			op.Wake(trace.WakeTimer)
			time.Sleep(ms)
			op.End(nil, attribute.Int("end", 1))
			op.End(io.ErrUnexpectedEOF, attribute.Int("end", 2))
			op.EndAs("late")
		}, `
			op 0-3 block.count=1 block.duration=0.002 end=1
				block 0-2 block.reason=select
				wake 2-3 wake.reason=sent
		`},
		{"after the end", nil, func(op *trace.Op) {
			op.End(nil)
			time.Sleep(ms)
			op.Block(trace.ReasonSleep)
			op.Wake(trace.WakeTimer)
			op.SetAttributes(attribute.Bool("late", true))
		}, `
			op 0-0
		`},
		{"evidence is the block's, a cause the wake's", nil, func(op *trace.Op) {
			op.Block(trace.ReasonNetWrite, trace.Evidence(attribute.Int("park", 1)))
			time.Sleep(ms)
			op.Wake(trace.WakePeerRead, trace.CausedBy(oteltrace.SpanContext{}), trace.CausedBy(op.SpanContext()),
				trace.Evidence(attribute.Int("wake", 2)), trace.Evidence(attribute.Int("both", 3)))
			op.SetAttributes(attribute.Int("set", 4))
			op.End(nil)
		}, `
			op 0-1 block.count=1 block.duration=0.001 set=4
				block 0-1 block.reason=net.write both=3 park=1 wake=2
				wake 1-1 wake.reason=peer_read -> op
		`},
		{"a cause that shows later", nil, func(op *trace.Op) {
			op.WokenBy(op.SpanContext())
			for _, by := range []oteltrace.SpanContext{op.SpanContext(), {}} {
				op.Block(trace.ReasonNetRead)
				time.Sleep(ms)
				op.WokenBy(op.SpanContext())
				op.Wake(trace.WakeReadable)
				op.WokenBy(by) // the first one counts
				op.WokenBy(op.SpanContext())
			}
			op.End(nil)
			op.WokenBy(op.SpanContext())
		}, `
			op 0-2 block.count=2 block.duration=0.002
				block 0-1 block.reason=net.read
				wake 1-1 wake.reason=readable -> op
				block 1-2 block.reason=net.read
				wake 2-2 wake.reason=readable
		`},
		{"a cause of a wake that has no span", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op *trace.Op) {
			for _, d := range []time.Duration{2, 1} {
				op.Block(trace.ReasonNetRead)
				time.Sleep(d * ms)
				op.Wake(trace.WakeReadable)
			}
			op.WokenBy(op.SpanContext())
			op.End(nil)
		}, `
			op 0-3 block.count=2 block.duration=0.003
				block 0-2 block.reason=net.read
				wake 2-3 wake.reason=readable
		`},
		{"a link", nil, func(op *trace.Op) {
			op.Link(oteltrace.SpanContext{})
			op.Link(op.SpanContext())
			op.End(nil)
		}, `
			op 0-0 -> op
		`},
		{"other times", nil, func(op *trace.Op) {
			start := time.Now()
			time.Sleep(10 * ms)
			op.Block(trace.ReasonSleep, trace.At(start.Add(2*ms)))
			op.Wake(trace.WakeTimer, trace.At(start.Add(5*ms)))
			op.Block(trace.ReasonLock, trace.At(start.Add(4*ms))) // before the last edge
			op.Wake(trace.WakeUnlocked, trace.At(time.Time{}))
			op.End(nil)
		}, `
			op 0-10 block.count=2 block.duration=0.008
				block 2-5 block.reason=sleep
				wake 5-5 wake.reason=timer
				block 5-10 block.reason=lock
				wake 10-10 wake.reason=unlocked
		`},
		{"before the start, and without the monotonic clock", nil, func(op *trace.Op) {
			start := time.Now().Round(0)
			time.Sleep(3 * ms)
			op.Block(trace.ReasonSleep, trace.At(start.Add(-ms)))
			op.Wake(trace.WakeTimer, trace.At(start.Add(2*ms)))
			op.End(nil)
		}, `
			op 0-3 block.count=1 block.duration=0.002
				block 0-2 block.reason=sleep
				wake 2-3 wake.reason=timer
		`},
		{"short blocks", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op *trace.Op) {
			for _, d := range []time.Duration{1, 2, 1, 1, 3} {
				op.Block(trace.ReasonSleep, trace.Evidence(attribute.Int("d", int(d))))
				time.Sleep(d * ms)
				op.Wake(trace.WakeTimer)
				time.Sleep(ms)
			}
			op.Block(trace.ReasonLock)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op 0-14 block.count=6 block.duration=0.009
				block 2-4 block.reason=sleep d=2
				wake 4-9 wake.reason=timer
				block 9-12 block.reason=sleep d=3
				wake 12-14 wake.reason=timer
		`},
		{"only short blocks", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op *trace.Op) {
			op.Block(trace.ReasonSleep)
			time.Sleep(ms)
			op.Wake(trace.WakeTimer)
			op.End(nil)
		}, `
			op 0-1 block.count=1 block.duration=0.001
		`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t.Context(), tt.opts...)
				_, op := trace.Start(ctx, "op")
				tt.do(op)
				wantTree(t, rec, strings.ReplaceAll(unindent(tt.want), "\t", "  "))
			})
		})
	}
}

func TestOpNests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		ctx, outer := trace.Start(ctx, "outer", attribute.String("k", "v"))
		if got, want := oteltrace.SpanContextFromContext(ctx), outer.SpanContext(); !got.Equal(want) || !got.IsValid() {
			t.Errorf("context carries %v, want %v", got, want)
		}
		if got := outer.Context(); got != ctx {
			t.Errorf("Context: got %v, want %v", got, ctx)
		}
		_, inner := trace.Start(ctx, "inner")
		time.Sleep(ms)
		inner.End(nil)
		outer.End(nil)
		wantTree(t, rec, `
		outer 0-1 k=v
		  inner 0-1
		`)
	})
}

// Nothing is exported as open, and what is over is exported at once.
func TestOpBlockedIsNotOpen(t *testing.T) {
	ctx, rec := record(t.Context())
	_, op := trace.Start(ctx, "op")
	op.Block(trace.ReasonSleep)
	if got := len(rec.Started()); got != 1 {
		t.Errorf("got %d spans while blocked, want the operation alone", got)
	}
	op.Wake(trace.WakeTimer)
	if got := len(rec.Ended()); got != 1 {
		t.Errorf("got %d spans ended after the wake, want the block alone", got)
	}
	op.End(nil)
}

func TestOpNil(t *testing.T) {
	var op *trace.Op
	op.Block(trace.ReasonSleep, trace.At(time.Now()), trace.Evidence(attribute.Int("n", 1)))
	op.Wake(trace.WakeTimer)
	op.WokenBy(oteltrace.SpanContext{})
	op.Link(oteltrace.SpanContext{})
	op.SetAttributes(attribute.Int("n", 1))
	op.End(io.ErrUnexpectedEOF, attribute.Int("n", 1))
	op.EndAs("x")
	if op.Shows(time.Hour) {
		t.Error("Shows: got true")
	}
	if op.SpanContext().IsValid() {
		t.Error("SpanContext: got a valid one")
	}
	if got := op.Context(); got != context.Background() {
		t.Errorf("Context: got %v, want context.Background()", got)
	}
}

func TestOpShows(t *testing.T) {
	for _, tt := range []struct {
		min, d time.Duration
		want   bool
	}{{0, 0, true}, {ms, ms - 1, false}, {ms, ms, true}} {
		ctx, _ := record(t.Context(), trace.WithMinBlock(tt.min))
		_, op := trace.Start(ctx, "op")
		if got := op.Shows(tt.d); got != tt.want {
			t.Errorf("WithMinBlock(%v): Shows(%v): got %v, want %v", tt.min, tt.d, got, tt.want)
		}
		op.End(nil)
	}
}

// Whatever is called in whatever order, block and wake alternate and tile the
// operation, and the totals count what was blocked.
func TestOpTiles(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			minBlock := time.Duration(r.IntN(2)*r.IntN(5)) * ms
			ctx, rec := record(t.Context(), trace.WithMinBlock(minBlock))
			start := time.Now()
			_, op := trace.Start(ctx, "op")

			last, blockedAt := start, time.Time{}
			blocks, blocked := 0, time.Duration(0)
			edge := func() (time.Time, []trace.Detail) { // the model's, and the call's
				now := time.Now()
				var d []trace.Detail
				if r.IntN(2) == 0 {
					now = start.Add(time.Duration(r.IntN(30)) * ms)
					d = append(d, trace.At(now))
				}
				if now.Before(last) {
					now = last
				}
				return now, d
			}
			for range r.IntN(30) {
				time.Sleep(time.Duration(r.IntN(4)) * ms)
				at, details := edge()
				switch r.IntN(2) {
				case 0:
					op.Block(trace.ReasonSleep, details...)
					if blockedAt.IsZero() {
						blockedAt, last = at, at
					}
				case 1:
					op.Wake(trace.WakeTimer, details...)
					if !blockedAt.IsZero() {
						blocks, blocked = blocks+1, blocked+at.Sub(blockedAt)
						blockedAt, last = time.Time{}, at
					}
				}
			}
			op.End(nil)
			end := time.Now()
			if end.Before(last) {
				end = last
			}
			if !blockedAt.IsZero() {
				blocks, blocked = blocks+1, blocked+end.Sub(blockedAt)
			}

			if err := tiling(rec, minBlock); err != nil {
				t.Errorf("seed %d: %v\n%s", seed, err, tree(rec))
			}
			span := rec.Ended()[len(rec.Ended())-1]
			if got := span.EndTime(); !got.Equal(end) {
				t.Errorf("seed %d: ends at %v, want %v", seed, got.Sub(start), end.Sub(start))
			}
			if got := attr(span, trace.BlockCountKey).AsInt64(); got != int64(blocks) {
				t.Errorf("seed %d: block.count: got %d, want %d", seed, got, blocks)
			}
			if got := attr(span, trace.BlockDurationKey).AsFloat64(); got != blocked.Seconds() {
				t.Errorf("seed %d: block.duration: got %v, want %v", seed, got, blocked.Seconds())
			}
		})
	}
}

// tiling checks the shape of the one operation that was recorded.
func tiling(rec *tracetest.SpanRecorder, minBlock time.Duration) error {
	spans := slices.Clone(rec.Ended())
	op, spans := spans[len(spans)-1], spans[:len(spans)-1]
	slices.SortStableFunc(spans, func(a, b sdktrace.ReadOnlySpan) int {
		return cmp.Or(a.StartTime().Compare(b.StartTime()), a.EndTime().Compare(b.EndTime()))
	})
	if slices.IsSortedFunc(rec.Ended()[:len(spans)], func(a, b sdktrace.ReadOnlySpan) int {
		return a.StartTime().Compare(b.StartTime())
	}) {
		spans = rec.Ended()[:len(spans)] // spans of no duration stay in their order
	}
	for i, s := range spans {
		if s.Parent().SpanID() != op.SpanContext().SpanID() {
			return fmt.Errorf("span %d is not a child of the operation", i)
		}
		want := trace.SpanBlock
		if i%2 == 1 {
			want = trace.SpanWake
		}
		if s.Name() != want {
			return fmt.Errorf("span %d: got %s, want %s", i, s.Name(), want)
		}
		if i > 0 && !s.StartTime().Equal(spans[i-1].EndTime()) {
			return fmt.Errorf("span %d starts %v after the one before ended", i, s.StartTime().Sub(spans[i-1].EndTime()))
		}
		if d := s.EndTime().Sub(s.StartTime()); d < 0 || want == trace.SpanBlock && d < minBlock {
			return fmt.Errorf("span %d: lasts %v", i, d)
		}
	}
	if n := len(spans); n > 0 {
		if spans[0].StartTime().Before(op.StartTime()) {
			return errors.New("the first block starts before the operation")
		}
		if !spans[n-1].EndTime().Equal(op.EndTime()) {
			return fmt.Errorf("the last span ends %v before the operation", op.EndTime().Sub(spans[n-1].EndTime()))
		}
	}
	return nil
}

// On a real clock, however coarse, every span lasts and the tiles still fit.
func TestOpRealClock(t *testing.T) {
	ctx, rec := record(t.Context())
	_, op := trace.Start(ctx, "op")
	for range 100 {
		op.Block(trace.ReasonSleep, trace.At(time.Now().Add(-time.Hour)))
		op.Wake(trace.WakeTimer)
	}
	op.End(nil)
	if err := tiling(rec, 0); err != nil {
		t.Error(err)
	}
	for i, s := range rec.Ended() {
		if d := s.EndTime().Sub(s.StartTime()); d < 1 {
			t.Errorf("span %d: %s lasts %v, want 1ns at least", i, s.Name(), d)
		}
	}
	if got := len(rec.Ended()); got != 201 {
		t.Errorf("got %d spans, want 201", got)
	}
}

func TestOpConcurrentSafe(t *testing.T) {
	ctx, rec := record(t.Context())
	_, op := trace.Start(ctx, "op")
	shared := make([]attribute.KeyValue, 1, 8) // room that nobody may write to
	shared[0] = attribute.Int("n", 1)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 200 {
				op.Block(trace.ReasonSleep, trace.Evidence(shared...))
				op.SetAttributes(shared...)
				_ = op.Shows(time.Duration(g))
				_, inner := trace.Start(op.Context(), "inner", shared...)
				inner.EndAs("x", shared...)
				op.Wake(trace.WakeTimer, trace.CausedBy(op.SpanContext()))
				op.WokenBy(op.SpanContext())
				op.Link(op.SpanContext())
			}
			op.End(nil, shared...)
		})
	}
	wg.Wait()
	if got, want := len(rec.Started()), len(rec.Ended()); got != want {
		t.Errorf("got %d spans started, %d ended", got, want)
	}
	own := tracetest.NewSpanRecorder()
	for _, s := range rec.Ended() {
		if s.Name() != "inner" {
			own.OnEnd(s)
		}
	}
	// What is recorded after the operation's own span cannot be a tile of it.
	if err := tiling(own, 0); err != nil {
		t.Error(err)
	}
}

// The attributes of a caller stay the caller's, room behind them included.
func TestOpCallersAttributes(t *testing.T) {
	ctx, _ := record(t.Context())
	attrs := make([]attribute.KeyValue, 1, 8)
	attrs[0] = attribute.Int("n", 1)
	_, op := trace.Start(ctx, "op", attrs...)
	op.Block(trace.ReasonSleep, trace.Evidence(attrs...))
	op.Wake(trace.WakeTimer, trace.Evidence(attrs...))
	op.SetAttributes(attrs...)
	op.End(io.ErrUnexpectedEOF, attrs...)
	for i, a := range attrs[1:cap(attrs)] {
		if a.Valid() || a.Key != "" {
			t.Errorf("attribute %d of the caller's array became %v", i+1, a)
		}
	}
}

func TestOpStatus(t *testing.T) {
	own := errors.New("own cause")
	background := func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	canceled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, cancel
	}
	caused := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(own)
		return ctx, func() {}
	}
	expired := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, time.Now().Add(-time.Second))
	}
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		err  error
		want string
	}{
		{"nil", background, nil, ""},
		{"EOF", background, fmt.Errorf("x: %w", io.EOF), ""},
		{"own cancel", canceled, context.Canceled, ""},
		{"own cancel, wrapped", canceled, fmt.Errorf("x: %w", context.Canceled), ""},
		{"own cause", caused, fmt.Errorf("x: %w", own), ""},
		{"canceled with a cause", caused, context.Canceled, ""},
		{"foreign cancel", background, context.Canceled, trace.ErrorCanceled},
		{"foreign cause", background, own, trace.ErrorOther},
		{"canceled, but failed", canceled, io.ErrUnexpectedEOF, trace.ErrorUnexpectedEOF},
		{"own deadline", expired, context.DeadlineExceeded, trace.ErrorDeadlineExceeded},
		{"foreign deadline", background, context.DeadlineExceeded, trace.ErrorDeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t.Context())
			ctx, cancel := tt.ctx(ctx)
			defer cancel()
			_, op := trace.Start(ctx, "op")
			op.End(tt.err)
			wantStatus(t, rec.Ended()[0], tt.want)
		})
	}
	t.Run("EndAs", func(t *testing.T) {
		ctx, rec := record(t.Context())
		_, op := trace.Start(ctx, "op")
		op.EndAs("1011")
		wantStatus(t, rec.Ended()[0], "1011")
	})
}

func wantStatus(t *testing.T, s sdktrace.ReadOnlySpan, errorType string) {
	t.Helper()
	code := codes.Unset
	if errorType != "" {
		code = codes.Error
	}
	if got := s.Status(); got.Code != code || got.Description != "" {
		t.Errorf("status: got %v %q, want %v", got.Code, got.Description, code)
	}
	if got := attr(s, trace.ErrorTypeKey).AsString(); got != errorType {
		t.Errorf("error.type: got %q, want %q", got, errorType)
	}
	if n := len(s.Events()); n != 0 {
		t.Errorf("got %d span events, want none", n)
	}
}

// What the libraries report as closed was, where the operation's own context
// ended, that end.
func TestOpWakeReason(t *testing.T) {
	never := func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
	cancel := func(cause error) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			return ctx, func() {}
		}
	}
	expire := func(cause error) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, time.Now().Add(-time.Second), cause)
		}
	}
	tests := []struct {
		name       string
		ctx        func(context.Context) (context.Context, context.CancelFunc)
		wake, want trace.WakeReason
		cause      string
	}{
		{"alive, closed", never, trace.WakeClosed, trace.WakeClosed, ""},
		{"alive, deadline", never, trace.WakeDeadline, trace.WakeDeadline, ""},
		{"alive, canceled", never, trace.WakeCanceled, trace.WakeCanceled, ""},
		{"canceled, closed", cancel(nil), trace.WakeClosed, trace.WakeCanceled, ""},
		{"canceled, deadline", cancel(nil), trace.WakeDeadline, trace.WakeCanceled, ""},
		{"canceled for a cause", cancel(errors.New("shutdown")), trace.WakeClosed, trace.WakeCanceled, "shutdown"},
		{"canceled, readable", cancel(errors.New("shutdown")), trace.WakeReadable, trace.WakeReadable, ""},
		{"canceled, peer closed", cancel(nil), trace.WakePeerClosed, trace.WakePeerClosed, ""},
		{"expired, closed", expire(nil), trace.WakeClosed, trace.WakeDeadline, ""},
		{"expired, canceled", expire(nil), trace.WakeCanceled, trace.WakeDeadline, ""},
		{"expired for a cause", expire(errors.New("too slow")), trace.WakeClosed, trace.WakeDeadline, "too slow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t.Context())
			ctx, cancel := tt.ctx(ctx)
			defer cancel()
			_, op := trace.Start(ctx, "op")
			op.Block(trace.ReasonNetRead)
			op.Wake(tt.wake)
			op.End(nil)
			wake := rec.Ended()[1]
			if got := trace.WakeReason(attr(wake, trace.WakeReasonKey).AsString()); got != tt.want {
				t.Errorf("wake.reason: got %s, want %s", got, tt.want)
			}
			if got := attr(wake, trace.WakeCauseKey).AsString(); got != tt.cause {
				t.Errorf("wake.cause: got %q, want %q", got, tt.cause)
			}
		})
	}
}

// A context whose own error cannot be compared is no reason to panic.
func TestOpWakeUncomparable(t *testing.T) {
	ctx, rec := record(t.Context())
	ctx, op := trace.Start(uncomparable{ctx}, "op")
	_ = ctx
	op.Block(trace.ReasonNetRead)
	op.Wake(trace.WakeClosed)
	op.End(nil)
	if got := attr(rec.Ended()[1], trace.WakeReasonKey).AsString(); got != string(trace.WakeCanceled) {
		t.Errorf("wake.reason: got %s, want %s", got, trace.WakeCanceled)
	}
}

type uncomparable struct{ context.Context }

func (uncomparable) Err() error { return manyErrors{io.EOF} }

type manyErrors []error

func (manyErrors) Error() string { return "many" }

// Where nothing is recorded, an operation allocates nothing, whatever it is
// told, and its context is the caller's.
func TestOpOff(t *testing.T) {
	rec := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(rec),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
	unsampled := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, Remote: true,
	})
	refusing := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(rec), sdktrace.WithSampler(sdktrace.NeverSample()))))
	refused, root := trace.Start(refusing.NewContext(t.Context()), "root")
	if root != nil {
		t.Error("a refused root: got an Op, want nil")
	}
	if sc := oteltrace.SpanContextFromContext(refused); !sc.IsValid() || sc.IsSampled() {
		t.Errorf("below a refused root: got %v, want a valid span context that is not sampled", sc)
	}
	tests := []struct {
		name string
		ctx  context.Context
	}{
		{"no-op provider", trace.New(trace.WithTracerProvider(noop.NewTracerProvider())).NewContext(t.Context())},
		{"zero Tracer", new(trace.Tracer).NewContext(t.Context())},
		{"unsampled remote parent", oteltrace.ContextWithRemoteSpanContext(
			trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context()), unsampled)},
		{"below a refused root", refused},
		{"unsampled, another sampler", trace.New(trace.WithTracerProvider(tp)).NewContext(refused)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, op := trace.Start(tt.ctx, "op")
			if op != nil || ctx != tt.ctx {
				t.Errorf("got Op %v and context %v, want nil and the caller's", op, ctx)
			}
			if trace.FromContext(tt.ctx).Records(tt.ctx) {
				t.Error("Records: got true")
			}
			n, evidence := 0, trace.Evidence(attribute.Int("n", 1))
			run := func() {
				n++
				_, op := trace.Start(tt.ctx, "op", attribute.Int("n", n))
				op.Block(trace.ReasonNetRead, trace.At(time.Time{}), evidence)
				op.Wake(trace.WakeReadable, trace.CausedBy(unsampled))
				op.WokenBy(unsampled)
				op.Link(unsampled)
				op.SetAttributes(attribute.Int("n", n))
				op.End(io.EOF, attribute.Int("n", n))
				_ = trace.Handle(tt.ctx, "handle", func(context.Context) error { return nil })
			}
			if got := testing.AllocsPerRun(100, run); got != 0 && !race {
				t.Errorf("got %v allocations, want 0", got)
			}
		})
	}
	if got := len(rec.Started()); got != 0 {
		t.Errorf("got %d spans, want none", got)
	}
}

// A link that comes before the span waits for it.
func TestOpLinksBeforeItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t.Context())
		_, other := trace.Start(ctx, "other")
		for _, show := range []trace.Show{trace.ShowBlocked, trace.ShowNone} {
			_, op := trace.FromContext(ctx).StartAs(ctx, "op", trace.OpConfig{Show: show})
			op.Link(other.SpanContext())
			op.Block(trace.ReasonNetRead)
			time.Sleep(ms)
			op.Wake(trace.WakeReadable)
			op.WokenBy(other.SpanContext())
			op.End(nil)
		}
		other.End(nil)
		wantTree(t, rec, strings.ReplaceAll(unindent(`
			op 0-1 block.count=1 block.duration=0.001 -> other
				block 0-1 block.reason=net.read
				wake 1-1 wake.reason=readable -> other
			other 0-2
		`), "\t", "  "))
	})
}
