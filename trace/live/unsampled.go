package live

import (
	"context"

	"github.com/wakechain/wakechain/trace"
)

// WithUnsampled returns a copy of ctx in which goroutines and connections are
// followed that are not sampled: package trace's WithLive for the tracer that ctx
// carries. A server gives it to its requests by http.Server.BaseContext. A message
// of such a connection costs about a microsecond and no allocation.
func WithUnsampled(ctx context.Context) context.Context {
	return trace.FromContext(ctx).With(trace.WithLive()).NewContext(ctx)
}
