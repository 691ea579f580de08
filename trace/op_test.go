package trace_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace/noop"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

const ms = time.Millisecond

func TestOp(t *testing.T) {
	tests := []struct {
		name string
		opts []trace.Option
		do   func(trace.Op)
		want string
	}{
		{"never parked", nil, func(op trace.Op) {
			time.Sleep(ms)
			op.End(nil, attribute.Int("n", 7))
		}, `
			op @0s 1ms {n=7}
		`},
		{"tiles", nil, func(op trace.Op) {
			time.Sleep(ms)
			op.Block(semconv.ReasonChanRecv)
			time.Sleep(2 * ms)
			op.Wake(semconv.WakeReceived)
			time.Sleep(3 * ms)
			op.Block(semconv.ReasonLock)
			time.Sleep(4 * ms)
			op.Wake(semconv.WakeUnlocked)
			time.Sleep(5 * ms)
			op.End(nil)
		}, `
			op @0s 15ms {block.count=2, block.duration=0.006}
				block @1ms 2ms {block.reason=chan.recv}
				wake @3ms 3ms {wake.reason=received}
				block @6ms 4ms {block.reason=lock}
				wake @10ms 5ms {wake.reason=unlocked}
		`},
		{"ends while blocked", nil, func(op trace.Op) {
			op.Block(semconv.ReasonSelect)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op @0s 1ms {block.duration=0.001}
				block @0s 1ms {block.reason=select}
		`},
		{"ends while blocked again", nil, func(op trace.Op) {
			op.Block(semconv.ReasonSelect)
			time.Sleep(ms)
			op.Wake(semconv.WakeSent)
			time.Sleep(ms)
			op.Block(semconv.ReasonSleep)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op @0s 3ms {block.count=2, block.duration=0.002}
				block @0s 1ms {block.reason=select}
				wake @1ms 1ms {wake.reason=sent}
				block @2ms 1ms {block.reason=sleep}
		`},
		{"twice is once", nil, func(op trace.Op) {
			op.Wake(semconv.WakeTimer)
			op.Block(semconv.ReasonSelect)
			time.Sleep(ms)
			op.Block(semconv.ReasonSleep)
			time.Sleep(ms)
			op.Wake(semconv.WakeSent)
			op.Wake(semconv.WakeTimer)
			time.Sleep(ms)
			op.End(nil, attribute.Int("end", 1))
			op.End(io.ErrUnexpectedEOF, attribute.Int("end", 2))
			op.EndAs("late")
		}, `
			op @0s 3ms {block.duration=0.002, end=1}
				block @0s 2ms {block.reason=select}
				wake @2ms 1ms {wake.reason=sent}
		`},
		{"after the end", nil, func(op trace.Op) {
			op.End(nil)
			time.Sleep(ms)
			op.Block(semconv.ReasonSleep)
			op.Wake(semconv.WakeTimer)
			op.SetAttributes(attribute.Bool("late", true))
		}, `
			op @0s 0s
		`},
		{"evidence is the block's, a cause the wake's", nil, func(op trace.Op) {
			op.Block(semconv.ReasonNetWrite, trace.Evidence(attribute.Int("park", 1)))
			time.Sleep(ms)
			op.Wake(semconv.WakePeerRead, trace.CausedBy(oteltrace.SpanContext{}), trace.CausedBy(op.SpanContext()),
				trace.Evidence(attribute.Int("wake", 2)), trace.Evidence(attribute.Int("both", 3)))
			op.SetAttributes(attribute.Int("set", 4))
			op.End(nil)
		}, `
			op @0s 1ms {block.duration=0.001, set=4}
				block @0s 1ms {block.reason=net.write, both=3, park=1, wake=2}
				wake @1ms 0s {wake.reason=peer_read} -> op
		`},
		{"a cause that shows later", nil, func(op trace.Op) {
			op.WokenBy(op.SpanContext())
			for _, by := range []oteltrace.SpanContext{op.SpanContext(), {}} {
				op.Block(semconv.ReasonNetRead)
				time.Sleep(ms)
				op.WokenBy(op.SpanContext())
				op.Wake(semconv.WakeReadable)
				op.WokenBy(by) // the first one counts
				op.WokenBy(op.SpanContext())
			}
			op.End(nil)
			op.WokenBy(op.SpanContext())
		}, `
			op @0s 2ms {block.count=2, block.duration=0.002}
				block @0s 1ms {block.reason=net.read}
				wake @1ms 0s {wake.reason=readable} -> op
				block @1ms 1ms {block.reason=net.read}
				wake @2ms 0s {wake.reason=readable}
		`},
		{"a cause of a wake that has no span", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op trace.Op) {
			for _, d := range []time.Duration{2, 1} {
				op.Block(semconv.ReasonNetRead)
				time.Sleep(d * ms)
				op.Wake(semconv.WakeReadable)
			}
			op.WokenBy(op.SpanContext())
			op.End(nil)
		}, `
			op @0s 3ms {block.count=2, block.duration=0.003}
				block @0s 2ms {block.reason=net.read}
				wake @2ms 1ms {wake.reason=readable}
		`},
		{"a link", nil, func(op trace.Op) {
			op.Link(oteltrace.SpanContext{})
			op.Link(op.SpanContext())
			op.End(nil)
		}, `
			op @0s 0s -> op
		`},
		{"other times", nil, func(op trace.Op) {
			start := time.Now()
			time.Sleep(10 * ms)
			op.Block(semconv.ReasonSleep, trace.At(start.Add(2*ms)))
			op.Wake(semconv.WakeTimer, trace.At(start.Add(5*ms)))
			op.Block(semconv.ReasonLock, trace.At(start.Add(4*ms))) // before the last edge
			op.Wake(semconv.WakeUnlocked, trace.At(time.Time{}))
			op.End(nil)
		}, `
			op @0s 10ms {block.count=2, block.duration=0.008}
				block @2ms 3ms {block.reason=sleep}
				wake @5ms 0s {wake.reason=timer}
				block @5ms 5ms {block.reason=lock}
				wake @10ms 0s {wake.reason=unlocked}
		`},
		{"before the start, and without the monotonic clock", nil, func(op trace.Op) {
			start := time.Now().Round(0)
			time.Sleep(3 * ms)
			op.Block(semconv.ReasonSleep, trace.At(start.Add(-ms)))
			op.Wake(semconv.WakeTimer, trace.At(start.Add(2*ms)))
			op.End(nil)
		}, `
			op @0s 3ms {block.duration=0.002}
				block @0s 2ms {block.reason=sleep}
				wake @2ms 1ms {wake.reason=timer}
		`},
		{"short blocks", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op trace.Op) {
			for _, d := range []time.Duration{1, 2, 1, 1, 3} {
				op.Block(semconv.ReasonSleep, trace.Evidence(attribute.Int("d", int(d))))
				time.Sleep(d * ms)
				op.Wake(semconv.WakeTimer)
				time.Sleep(ms)
			}
			op.Block(semconv.ReasonLock)
			time.Sleep(ms)
			op.End(nil)
		}, `
			op @0s 14ms {block.count=6, block.duration=0.009}
				block @2ms 2ms {block.reason=sleep, d=2}
				wake @4ms 5ms {wake.reason=timer}
				block @9ms 3ms {block.reason=sleep, d=3}
				wake @12ms 2ms {wake.reason=timer}
		`},
		{"only short blocks", []trace.Option{trace.WithMinBlock(2 * ms)}, func(op trace.Op) {
			op.Block(semconv.ReasonSleep)
			time.Sleep(ms)
			op.Wake(semconv.WakeTimer)
			op.End(nil)
		}, `
			op @0s 1ms {block.duration=0.001}
		`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, rec := record(t, tt.opts...)
				_, op := trace.Start(ctx, "op")
				tt.do(op)
				tracetest.AssertTree(t, rec.Chain(), tt.want, whole...)
			})
		})
	}
}

func TestOpNests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
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
		tracetest.AssertTree(t, rec.Chain(), `
			outer @0s 1ms {k=v}
				inner @0s 1ms
		`, whole...)
	})
}

// No open span is exported, and a completed one is exported immediately.
func TestOpBlockedIsNotOpen(t *testing.T) {
	ctx, rec := record(t)
	_, op := trace.Start(ctx, "op")
	op.Block(semconv.ReasonSleep)
	tracetest.AssertTree(t, rec.Chain(), `op open`)
	op.Wake(semconv.WakeTimer)
	tracetest.AssertTree(t, rec.Chain(), `
		op open
			block
	`)
	op.End(nil)
}

func TestOpNil(t *testing.T) {
	var op trace.Op
	op.Block(semconv.ReasonSleep, trace.At(time.Now()), trace.Evidence(attribute.Int("n", 1)))
	op.Wake(semconv.WakeTimer)
	op.WokenBy(oteltrace.SpanContext{})
	op.Link(oteltrace.SpanContext{})
	op.SetAttributes(attribute.Int("n", 1))
	op.End(io.ErrUnexpectedEOF, attribute.Int("n", 1))
	op.EndAs("x")
	if op.Wants(time.Hour) {
		t.Error("Wants: got true")
	}
	if op.SpanContext().IsValid() {
		t.Error("SpanContext: got a valid one")
	}
	if got := op.Context(); got != context.Background() {
		t.Errorf("Context: got %v, want context.Background()", got)
	}
}

func TestOpWants(t *testing.T) {
	for _, tt := range []struct {
		min, d time.Duration
		want   bool
	}{{0, 0, true}, {ms, ms - 1, false}, {ms, ms, true}} {
		ctx, _ := record(t, trace.WithMinBlock(tt.min))
		_, op := trace.Start(ctx, "op")
		if got := op.Wants(tt.d); got != tt.want {
			t.Errorf("WithMinBlock(%v): Wants(%v): got %v, want %v", tt.min, tt.d, got, tt.want)
		}
		op.End(nil)
	}
}

// The attributes of a caller are not changed, nor is the memory behind them.
func TestOpCallersAttributes(t *testing.T) {
	ctx, _ := record(t)
	attrs := make([]attribute.KeyValue, 1, 8)
	attrs[0] = attribute.Int("n", 1)
	_, op := trace.Start(ctx, "op", attrs...)
	op.Block(semconv.ReasonSleep, trace.Evidence(attrs...))
	op.Wake(semconv.WakeTimer, trace.Evidence(attrs...))
	op.SetAttributes(attrs...)
	op.End(io.ErrUnexpectedEOF, attrs...)
	for i, a := range attrs[1:cap(attrs)] {
		if a.Valid() || a.Key != "" {
			t.Errorf("attribute %d of the caller's array became %v", i+1, a)
		}
	}
}

// If nothing is recorded, an operation allocates nothing, whatever is called on it, and its
// context is the caller's.
func TestOpOff(t *testing.T) {
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample()))))
	tp := rec.TracerProvider()
	unsampled := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}, Remote: true,
	})
	none := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSampler(sdktrace.NeverSample())))
	refusing := trace.New(trace.WithTracerProvider(none.TracerProvider()))
	refused, root := trace.Start(refusing.NewContext(t.Context()), "root")
	if root.Valid() {
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
			if op.Valid() || ctx != tt.ctx {
				t.Errorf("got Op %v and context %v, want nil and the caller's", op, ctx)
			}
			if core.Of(trace.FromContext(tt.ctx)).Records(tt.ctx) {
				t.Error("Records: got true")
			}
			n, evidence := 0, trace.Evidence(attribute.Int("n", 1))
			run := func() {
				n++
				_, op := trace.Start(tt.ctx, "op", attribute.Int("n", n))
				op.Block(semconv.ReasonNetRead, trace.At(time.Time{}), evidence)
				op.Wake(semconv.WakeReadable, trace.CausedBy(unsampled))
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
	tracetest.AssertTree(t, rec.Chain(), ``)
	tracetest.AssertTree(t, none.Chain(), ``)
}

// A link that is added before there is a span is on it.
func TestOpLinksBeforeItsSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_, other := trace.Start(ctx, "other")
		for _, show := range []core.Show{core.ShowBlocked, core.ShowNone} {
			op := startAs(ctx, "op", core.Config{Show: show})
			op.Link(other.SpanContext())
			op.Block(semconv.ReasonNetRead)
			time.Sleep(ms)
			op.Wake(semconv.WakeReadable)
			op.WokenBy(other.SpanContext())
			op.End(nil)
		}
		other.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			other @0s 2ms
			op @0s 1ms {block.duration=0.001} -> other
				block @0s 1ms {block.reason=net.read}
				wake @1ms 0s {wake.reason=readable} -> other
		`, whole...)
	})
}
