//go:build race

package parks_test

// race: the race detector is on, which allocates.
const race = true
