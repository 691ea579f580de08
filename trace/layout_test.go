package trace_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Of two values with one key the later one holds, in the place of the first.
func TestEndWithKeyTwice(t *testing.T) {
	e := sdktracetest.NewInMemoryExporter()
	ctx := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(e)))).NewContext(t.Context())
	fixed := []attribute.KeyValue{attribute.String("fixed", "f")}
	l := trace.NewLayout(fixed, "text", "x", "y")
	fixed[0] = attribute.String("fixed", "changed") // is the caller's
	_, op := trace.Start(ctx, "op", attribute.Int("x", 9))
	op.EndWith(&trace.Values{Layout: l, Text: "t", Ints: [trace.MaxInts]int64{1, 2, 3}})
	(*trace.Op)(nil).EndWith(&trace.Values{Layout: l})
	_, none := trace.Start(ctx, "none")
	none.EndWith(&trace.Values{Text: "t"})
	if got := e.GetSpans()[1].Attributes; len(got) > 0 {
		t.Errorf("got %v without a layout", got)
	}
	want := []attribute.KeyValue{attribute.Int("x", 1), attribute.String("fixed", "f"), attribute.String("text", "t"), attribute.Int("y", 2)}
	if got := e.GetSpans()[0].Attributes; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A block counts however short it is, as where an operation ends without a layout.
func TestEndWithBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_, op := trace.Start(ctx, "op")
		op.Block(semconv.ReasonLock)
		op.EndWith(&trace.Values{Layout: trace.NewLayout(nil, "")})
		_, ran := trace.Start(ctx, "ran")
		ran.EndWith(&trace.Values{Layout: trace.NewLayout(nil, "")})
		for name, want := range map[string]bool{"op": true, "ran": false} {
			if _, got := rec.Chain().Named(name)[0].Attr(semconv.BlockDurationKey); got != want {
				t.Errorf("%s: got a duration of blocks: %t, want %t", name, got, want)
			}
		}
	})
}

// A layout of more than it holds is a fault of ours or the program's that ends nothing.
func TestNewLayoutTooMany(t *testing.T) {
	before := otel.GetErrorHandler()
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	var errs []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { errs = append(errs, err) }))
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_, op := trace.Start(ctx, "op")
		op.EndWith(&trace.Values{Layout: trace.NewLayout(nil, "", "a", "b", "c", "d", "e"), Ints: [trace.MaxInts]int64{1, 2, 3, 4}})
		tracetest.AssertTree(t, rec.Chain(), "op @0s 0s {a=1, b=2, c=3, d=4}", whole...)
	})
	if len(errs) != 1 {
		t.Errorf("got %v, want one error", errs)
	}
}
