//go:build race

package netpoll_test

// race tells that the race detector is on, which allocates.
const race = true
