//go:build !race

package netpoll_test

const race = false
