//go:build race

package trace_test

// race: the race detector is on, which allocates.
const race = true
