//go:build race

package netpoll_test

// race: the race detector is on, which allocates.
const race = true
