//go:build race

package op_test

// race: the race detector is on. It allocates.
const race = true
