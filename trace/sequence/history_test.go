package sequence_test

import (
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

func TestHistory(t *testing.T) {
	var ss spans
	w := ss.add("server", semconv.SpanWrite, -1, 100, 3600,
		semconv.WebSocketHistoryTransmitKey.String("binary:128@-0.300x2 binary:128@3.500"))
	ss.add("server", "block peer_window", w, 100, 3500, semconv.BlockReasonKey.String("net.write"), semconv.BlockCauseKey.String("peer_window"))
	ss.add("client", semconv.SpanHistory, w, 50, 3490, semconv.WebSocketReaderAwayKey.Float64(3.44), semconv.WebSocketHistoryReceiveKey.String("text:9@0.000"))
	var b strings.Builder
	if err := sequence.New(chain.New(ss)).Write(&b, sequence.Text); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"sent 2, last binary 128 B 300 ms before", "not reading", "received text 9 B"} {
		if !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(got, "│ ", ""), "├ ", ""), want) {
			t.Errorf("got\n%s\nwant %q in it", b.String(), want)
		}
	}
}
