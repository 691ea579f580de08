//go:build !race

package otlp_test

// allowed is how many allocations a span may take on average: memory that is used again
// may be lost to a garbage collection.
const allowed = 0.01
