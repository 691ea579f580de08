package chain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"

	"go.opentelemetry.io/otel/attribute"
)

func TestSameConnection(t *testing.T) {
	t.Parallel()
	end := func(local string, localPort int, peer string, peerPort int) *chain.Span {
		return &chain.Span{Attributes: []attribute.KeyValue{
			semconv.NetworkLocalAddressKey.String(local), semconv.NetworkLocalPortKey.Int(localPort),
			semconv.NetworkPeerAddressKey.String(peer), semconv.NetworkPeerPortKey.Int(peerPort),
		}}
	}
	client := end("127.0.0.1", 40000, "127.0.0.1", 80)
	for _, tt := range []struct {
		name        string
		server      *chain.Span
		same, known bool
	}{
		{"crosswise", end("127.0.0.1", 80, "127.0.0.1", 40000), true, true},
		{"in IPv6", end("::ffff:127.0.0.1", 80, "::ffff:127.0.0.1", 40000), true, true},
		{"another client", end("127.0.0.1", 80, "127.0.0.1", 40001), false, true},
		{"another server", end("127.0.0.1", 81, "127.0.0.1", 40000), false, true},
		{"not recorded", &chain.Span{}, false, false},
	} {
		if same, known := chain.SameConnection(client, tt.server); same != tt.same || known != tt.known {
			t.Errorf("%s: got %v, %v, want %v, %v", tt.name, same, known, tt.same, tt.known)
		}
		if same, known := chain.SameConnection(tt.server, client); same != tt.same || known != tt.known {
			t.Errorf("%s, the other way round: got %v, %v, want %v, %v", tt.name, same, known, tt.same, tt.known)
		}
	}
}
