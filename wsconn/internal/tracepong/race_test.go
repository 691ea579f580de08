//go:build race

package tracepong_test

// race: the race detector is on, which allocates.
const race = true
