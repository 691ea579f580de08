//go:build race

package sequence_test

// race: the race detector is on, with which a sync.Pool drops items at random.
const race = true
