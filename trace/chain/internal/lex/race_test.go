//go:build race

package lex_test

// race: the race detector is on, which allocates.
const race = true
