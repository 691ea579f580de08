//go:build race

package op_test

// race tells that the race detector is on, which allocates.
const race = true
