//go:build race

package parks_test

// race tells that the race detector is on, which takes time.
const race = true
