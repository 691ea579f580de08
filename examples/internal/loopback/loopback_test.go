package loopback_test

import (
	"net"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/loopback"
)

// The ports differ, and somebody can listen on each.
func TestPorts(t *testing.T) {
	seen := make(map[string]bool)
	for _, port := range loopback.Ports(t, 50) {
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Error(err)
			continue
		}
		_ = l.Close()
		seen[port] = true
	}
	if len(seen) != 50 {
		t.Errorf("got %d ports, want 50", len(seen))
	}
}
