//go:build race

package lex_test

// race: the race detector is on. It allocates.
const race = true
