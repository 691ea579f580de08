//go:build race

package sequence_test

// race: the race detector is on, with which pools forget at random.
const race = true
