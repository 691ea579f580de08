//go:build !race

package lex_test

const race = false
