//go:build race

package meter_test

// race: the race detector is on, which allocates.
const race = true
