//go:build !race

package lean_test

const race = false
