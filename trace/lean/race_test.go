//go:build race

package lean_test

// race: the race detector is on, which allocates.
const race = true
