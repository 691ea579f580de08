//go:build !race

package parks_test

const race = false
