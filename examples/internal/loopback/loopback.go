// Package loopback finds ports of this machine for programs that a test starts.
package loopback

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports that no system assigns by itself, neither to a listener on port 0 nor to a
// dialer. So a free one usually stays free until the program that it is passed to
// listens, which may be minutes later.
const (
	first = 20_000
	count = 10_000
)

// Ports returns n different ports of 127.0.0.1 on which nothing listens.
func Ports(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range 100 * n {
		port := strconv.Itoa(first + rand.IntN(count))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		defer l.Close() // only at the end, so that no port is found twice
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("%d of %d ports are free", len(ports), n)
	return nil
}
