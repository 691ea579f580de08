//go:build race

package op_test

// race: the race detector is on, which allocates.
const race = true
