package emitted_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

const ms = time.Millisecond

var errBroken = errors.New("broken")

// remote returns the context of a span in another process.
func remote(flags oteltrace.TraceFlags) oteltrace.SpanContext {
	state, _ := oteltrace.ParseTraceState("vendor=1")
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1, 2}, SpanID: oteltrace.SpanID{3}, TraceFlags: flags, TraceState: state, Remote: true,
	})
}

// operations are those that a program begins with Start.
var operations = map[string]scenario{
	"op_plain": {play: func(s *stage) {
		ctx, op := trace.Start(s.context(), "fetch", attribute.String("shop", "north"), attribute.Int("n", 2))
		time.Sleep(ms)
		_, below := trace.Start(ctx, "parse")
		below.SetAttributes(attribute.Bool("fast", true), attribute.StringSlice("tags", []string{"a", "b"}))
		time.Sleep(ms)
		below.End(nil)
		op.SetAttributes(attribute.Int("n", 3))
		op.End(nil, attribute.Float64("cost", 1.5))
		op.End(errBroken) // only the first End counts
		op.SetAttributes(attribute.Int("late", 1))
	}},
	"op_blocks": {metrics: true, play: func(s *stage) {
		ctx := s.context()
		_, by := trace.Start(ctx, "waker")
		_, op := trace.Start(ctx, "fetch")
		time.Sleep(ms)
		op.Block(semconv.ReasonChanRecv)
		time.Sleep(2 * ms)
		op.Wake(semconv.WakeReceived, trace.CausedBy(by.SpanContext()))
		time.Sleep(ms)
		op.Block(semconv.ReasonNetRead, trace.Evidence(semconv.BlockSourceKey.String("poll")))
		op.Block(semconv.ReasonSleep) // ignored: it is blocked already
		time.Sleep(3 * ms)
		op.Wake(semconv.WakeReadable, trace.Evidence(semconv.BlockSourceKey.String("poll"), semconv.BlockCauseKey.String("peer_window"), semconv.TCPRTTKey.Float64(.25)))
		op.WokenBy(by.SpanContext())
		op.WokenBy(oteltrace.SpanContext{})
		op.Wake(semconv.WakeReadable) // ignored: it runs already
		op.Block(semconv.ReasonSleep, trace.At(time.Now().Add(-10*ms)))
		time.Sleep(ms)
		op.Wake(semconv.WakeTimer, trace.At(time.Now().Add(-ms/2)))
		op.Link(by.SpanContext())
		op.Link(oteltrace.SpanContext{})
		op.End(nil)
		by.End(nil)
	}},
	"op_ends_blocked": {metrics: true, play: func(s *stage) {
		ctx := s.context()
		_, op := trace.Start(ctx, "fetch")
		op.Block(semconv.ReasonNetRead)
		time.Sleep(ms)
		op.End(io.ErrUnexpectedEOF)
		_, op = trace.Start(ctx, "fetch")
		op.Block(semconv.ReasonNetRead)
		time.Sleep(ms)
		op.Wake(semconv.WakeReadable)
		time.Sleep(ms)
		op.Block(semconv.ReasonNetRead)
		time.Sleep(ms)
		op.EndAs("odd", attribute.Int("n", 1))
	}},
	"op_errors": {play: func(s *stage) {
		ctx := s.context()
		for _, err := range []error{
			io.EOF, context.Canceled, context.DeadlineExceeded, net.ErrClosed, errBroken, fmt.Errorf("wrapped: %w", errBroken),
			&net.OpError{Op: "read", Err: net.UnknownNetworkError("x")},
		} {
			_, op := trace.Start(ctx, "fetch")
			time.Sleep(ms)
			op.End(err)
		}
	}},
	"op_canceled": {metrics: true, play: func(s *stage) {
		for _, cause := range []error{nil, errBroken} {
			for _, woken := range []semconv.WakeReason{semconv.WakeClosed, semconv.WakeCanceled, semconv.WakeReadable} {
				ctx, cancel := context.WithCancelCause(s.context())
				_, op := trace.Start(ctx, "fetch")
				op.Block(semconv.ReasonNetRead)
				time.Sleep(ms)
				cancel(cause)
				op.Wake(woken)
				time.Sleep(ms)
				op.End(context.Cause(ctx))
			}
		}
		ctx, cancel := context.WithTimeout(s.context(), 3*ms)
		defer cancel()
		_, op := trace.Start(ctx, "fetch")
		op.Block(semconv.ReasonNetRead)
		<-ctx.Done()
		op.Wake(semconv.WakeClosed)
		op.End(ctx.Err())
	}},
	"op_min_block": {metrics: true, play: func(s *stage) {
		ctx := s.context(trace.WithMinBlock(2 * ms))
		_, op := trace.Start(ctx, "fetch")
		for _, d := range []time.Duration{ms, 3 * ms, ms, 2 * ms, ms} {
			op.Block(semconv.ReasonChanRecv)
			time.Sleep(d)
			op.Wake(semconv.WakeReceived)
			time.Sleep(ms)
		}
		op.End(nil)
	}},
	"op_remote": {play: func(s *stage) {
		ctx := oteltrace.ContextWithRemoteSpanContext(s.context(), remote(oteltrace.FlagsSampled))
		_, op := trace.Start(ctx, "fetch")
		op.Block(semconv.ReasonChanRecv)
		time.Sleep(ms)
		op.Wake(semconv.WakeReceived, trace.CausedBy(remote(oteltrace.FlagsSampled)))
		op.Link(remote(0))
		op.End(nil)
		core.Of(trace.FromContext(ctx)).Record(ctx, "step", time.Now(), time.Now().Add(ms), "odd", nil, attribute.Int("n", 1))
	}},
	"op_unsampled": {metrics: true, settings: settings{sampler: sdktrace.ParentBased(sdktrace.NeverSample())}, play: func(s *stage) {
		for _, ctx := range []context.Context{s.context(), oteltrace.ContextWithRemoteSpanContext(s.context(), remote(0))} {
			own, op := trace.Start(ctx, "fetch")
			op.Block(semconv.ReasonChanRecv)
			time.Sleep(ms)
			op.Wake(semconv.WakeReceived)
			_, below := trace.Start(own, "below")
			below.End(nil)
			op.End(nil)
		}
	}},
	"op_sampler": {settings: settings{sampler: deciding{}}, play: func(s *stage) {
		ctx, op := trace.Start(s.context(), "fetch", attribute.Int("n", 2), attribute.Int("sampler", 2))
		op.Block(semconv.ReasonChanRecv)
		time.Sleep(ms)
		op.Wake(semconv.WakeReceived)
		time.Sleep(ms)
		own, below := trace.Start(ctx, "dropped")
		below.Block(semconv.ReasonChanRecv)
		time.Sleep(ms)
		below.Wake(semconv.WakeReceived)
		_, child := trace.Start(own, "below dropped")
		child.End(nil)
		below.End(nil)
		op.End(nil)
	}},
	"op_limits": {
		settings: settings{limits: &sdktrace.SpanLimits{
			AttributeValueLengthLimit: 5, AttributeCountLimit: 3, LinkCountLimit: 1, EventCountLimit: 1,
			AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1,
		}}, play: func(s *stage) {
			ctx := s.context()
			_, by := trace.Start(ctx, "a waker", attribute.String("long", "more than five"))
			_, op := trace.Start(ctx, "fetch", attribute.Int("a", 1), attribute.Int("b", 2))
			op.Link(by.SpanContext())
			op.Link(remote(oteltrace.FlagsSampled))
			op.Block(semconv.ReasonChanRecv, trace.Evidence(attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("c", 3)))
			time.Sleep(ms)
			op.Wake(semconv.WakeReceived, trace.CausedBy(by.SpanContext()))
			op.SetAttributes(attribute.String("c", "abcdefgh"), attribute.Int("d", 4))
			op.EndAs("odd", attribute.String("a", "over again"))
			by.End(nil)
		},
	},
	"op_many_blocks": {play: func(s *stage) {
		_, op := trace.Start(s.context(), "fetch")
		for i := range 5 {
			op.Block(semconv.ReasonChanRecv)
			time.Sleep(ms)
			op.Wake(semconv.WakeReceived)
			if i%2 == 0 {
				time.Sleep(ms)
			}
		}
		op.End(nil)
	}},
	"op_odd_values": {play: func(s *stage) {
		ctx := s.context()
		_, op := trace.Start(ctx, "fetch", attribute.String("", "no key"), attribute.Int("n", 1), attribute.Int("n", 2))
		op.Block(semconv.ReasonChanRecv, trace.Evidence(attribute.Int("n", 1), attribute.Int("n", 2), attribute.String("", "no key")))
		time.Sleep(ms)
		op.Wake(semconv.WakeReceived)
		op.End(nil, attribute.KeyValue{}, attribute.Int("n", 3))
	}},
	"op_api": {play: func(s *stage) {
		ctx, op := trace.Start(s.context(), "fetch")
		span := oteltrace.SpanFromContext(ctx) // what other libraries do with an operation's span
		span.SetAttributes(attribute.Int("n", 1))
		span.AddLink(oteltrace.Link{SpanContext: remote(oteltrace.FlagsSampled), Attributes: []attribute.KeyValue{attribute.Int("n", 1)}})
		span.SetName("renamed")
		_, other := s.tp.Tracer("other").Start(ctx, "of another scope")
		other.End()
		op.Block(semconv.ReasonChanRecv)
		time.Sleep(ms)
		op.Wake(semconv.WakeReceived)
		op.End(nil)
		span.SetAttributes(attribute.Int("late", 1))
	}},
}

// deciding is a sampler that adds attributes and drops spans by their names.
type deciding struct{}

func (deciding) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	r := sdktrace.SamplingResult{
		Decision:   sdktrace.RecordAndSample,
		Attributes: []attribute.KeyValue{attribute.Int("sampler", 1), attribute.Int("sampler.attributes", len(p.Attributes))},
		Tracestate: oteltrace.SpanContextFromContext(p.ParentContext).TraceState(),
	}
	if p.Name == "dropped" || !oteltrace.SpanContextFromContext(p.ParentContext).IsSampled() && oteltrace.SpanContextFromContext(p.ParentContext).IsValid() {
		r.Decision = sdktrace.Drop
	}
	return r
}

func (deciding) Description() string { return "deciding" }
