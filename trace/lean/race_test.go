//go:build race

package lean_test

// race: the race detector is on. It allocates.
const race = true
