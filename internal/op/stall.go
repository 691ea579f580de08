package op

import "context"

type stallKey struct{}

// MarkStall returns a copy of ctx below which spans are those of a stall: they are made
// afterwards, of what is not sampled, and a sampler that knows of them takes them all.
// The context never reaches the program.
func MarkStall(ctx context.Context) context.Context {
	return context.WithValue(ctx, stallKey{}, true)
}

// IsStall reports whether a span below ctx is one of a stall.
func IsStall(ctx context.Context) bool { return ctx != nil && ctx.Value(stallKey{}) != nil }
