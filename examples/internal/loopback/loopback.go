// Package loopback finds ports of this machine for programs that a test starts.
package loopback

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// Ports that no system hands out by itself, neither to who listens on port 0 nor to who
// dials: what is free here stays so until a program that was told of it listens, which
// may be minutes later.
const (
	first = 20_000
	count = 10_000
)

// Ports returns n ports of 127.0.0.1 that nobody listens on.
func Ports(t testing.TB, n int) []string {
	t.Helper()
	var ports []string
	for range 100 * n {
		port := strconv.Itoa(first + rand.IntN(count))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			continue
		}
		defer l.Close() // when all have been found: no port twice
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("%d of %d ports are free", len(ports), n)
	return nil
}
