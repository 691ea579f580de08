//go:build !race

package tracepong_test

const race = false
