//go:build race

package gorilla_test

const race = true
