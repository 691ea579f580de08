//go:build race

package tracepong_test

// race: the race detector is on. It allocates.
const race = true
