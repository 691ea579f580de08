//go:build race

package session_test

// race: the race detector is on, which allocates.
const race = true
