package trace_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Of two values with the same key the later one counts, at the position of the first.
func TestEndWithKeyTwice(t *testing.T) {
	e := sdktracetest.NewInMemoryExporter()
	ctx := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(e)))).NewContext(t.Context())
	fixed := []attribute.KeyValue{attribute.String("fixed", "f")}
	l := schema(fixed, "text", "x", "y")
	_, op := trace.Start(ctx, "op", attribute.Int("x", 9))
	endWith(op, core.Facts{Of: l, Text: "t", Ints: [core.MaxInts]int64{1, 2, 3}})
	endWith(trace.Op{}, core.Facts{Of: l})
	_, none := trace.Start(ctx, "none")
	endWith(none, core.Facts{Text: "t"})
	if got := e.GetSpans()[1].Attributes; len(got) > 0 {
		t.Errorf("got %v without a schema", got)
	}
	want := []attribute.KeyValue{attribute.Int("x", 1), attribute.String("fixed", "f"), attribute.String("text", "t"), attribute.Int("y", 2)}
	if got := e.GetSpans()[0].Attributes; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Blocks count however short they are, with facts as without.
func TestEndWithBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		_, op := trace.Start(ctx, "op")
		op.Block(semconv.ReasonLock)
		endWith(op, core.Facts{Of: schema(nil, "")})
		_, ran := trace.Start(ctx, "ran")
		endWith(ran, core.Facts{Of: schema(nil, "")})
		for name, want := range map[string]bool{"op": true, "ran": false} {
			if _, got := rec.Chain().Named(name)[0].Attr(semconv.BlockDurationKey); got != want {
				t.Errorf("%s: got a duration of blocks: %t, want %t", name, got, want)
			}
		}
	})
}
