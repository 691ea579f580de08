//go:build race

package session_test

// race: the race detector is on. It allocates.
const race = true
