//go:build !race

package sequence_test

const race = false
