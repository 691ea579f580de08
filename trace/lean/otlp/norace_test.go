//go:build !race

package otlp_test

// allowed is how many allocations a span may take on average. It is not 0, since a garbage
// collection may free memory that would have been used again.
const allowed = 0.01
