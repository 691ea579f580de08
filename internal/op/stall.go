package op

import "context"

type stallKey struct{}

// MarkStall returns a copy of ctx below which spans belong to the report of a stall.
// These are made afterwards, of unsampled operations, and a sampler that checks for it
// takes them all. The program never sees this context.
func MarkStall(ctx context.Context) context.Context {
	return context.WithValue(ctx, stallKey{}, true)
}

// IsStall reports whether a span below ctx belongs to the report of a stall.
func IsStall(ctx context.Context) bool { return ctx != nil && ctx.Value(stallKey{}) != nil }
