package explain_test

import (
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// A stall of a connection that is not sampled is a trace of its own. It has no handshake,
// but the history of both ends.
func TestHistories(t *testing.T) {
	t.Parallel()
	s := &script{}
	w := s.write(0, 100, 3600, 7)
	s.set(w, semconv.WebSocketRoleKey.String("server"),
		semconv.WebSocketHistoryReceiveKey.String("text:5@-2.000"),
		semconv.WebSocketHistoryTransmitKey.String("binary:128@-0.300 binary:128@-0.200+0.100x3 binary:128@3.500+3.700"))
	s.block(w, 100, 3500, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow), semconv.TCPRwndLimitedKey.Float64(3.4))
	h := s.add(w, semconv.SpanHistory, 50, 3490, semconv.WebSocketReaderAwayKey.Float64(3.44),
		semconv.WebSocketHistoryReceiveKey.String("binary:128@-0.010"),
		semconv.WebSocketHistoryTransmitKey.String("ping:0@1.000 text:9@2.000+1.000"))
	found := s.explain()
	if len(found) != 1 {
		t.Fatalf("got %v, want one finding", found)
	}
	for _, want := range []string{
		"Before that this side had received text of 5 bytes, 2 s before, and sent its last 4 messages or frames in 300 ms, the last binary of 128 bytes, 200 ms before.",
		"The peer reports that it did not read from the connection for 3.44 s, 3.39 s of that during this block. Meanwhile it sent 2 messages.",
		"Until then it had received binary of 128 bytes, 10 ms before.",
	} {
		if !strings.Contains(found[0].Text, want) {
			t.Errorf("got %q, want %q in it", found[0].Text, want)
		}
	}
	// The far end of a proxy is not the peer, whatever its history says.
	s.addresses(w, "127.0.0.1", 1, "127.0.0.1", 2)
	s.addresses(h, "127.0.0.1", 3, "127.0.0.1", 4)
	if got := s.explain()[0].Text; !strings.Contains(got, "something that stands between") {
		t.Errorf("got %q", got)
	}
}
