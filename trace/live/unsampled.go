package live

import (
	"context"

	"github.com/wakechain/wakechain/trace"
)

// WithUnsampled returns a copy of ctx in which unsampled goroutines and connections are
// included, too. It is package trace's WithLive for the tracer in ctx. A server sets it for
// its requests with http.Server.BaseContext. A message on such a connection costs about a
// microsecond and no allocation.
func WithUnsampled(ctx context.Context) context.Context {
	return trace.FromContext(ctx).With(trace.WithLive()).NewContext(ctx)
}
