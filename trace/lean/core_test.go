package lean_test

import (
	"context"

	"go.opentelemetry.io/otel/attribute"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// startAs begins an operation as an adapter does.
func startAs(ctx context.Context, name string, c core.Config, attrs ...attribute.KeyValue) trace.Op {
	c.Name, c.Context, c.Attrs = name, ctx, attrs
	return trace.Op(core.Of(trace.FromContext(ctx)).Start(c, false))
}

// endWith ends an operation with facts of a schema.
func endWith(op trace.Op, f core.Facts) { core.Ref(op).End(&core.End{Facts: f}) }

// schema returns the schema of fixed attributes, a string and some integers.
func schema(fixed []attribute.KeyValue, text attribute.Key, ints ...attribute.Key) *core.Schema {
	s := &core.Schema{Fixed: fixed, Text: text, Blocked: semconv.BlockDurationKey}
	s.N = copy(s.Ints[:], ints)
	return s
}
