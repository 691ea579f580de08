//go:build race

package meter_test

// race tells that the race detector is on, which allocates.
const race = true
