//go:build !race

package meter_test

const race = false
