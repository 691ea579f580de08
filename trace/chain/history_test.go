package chain_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestHistory(t *testing.T) {
	for _, test := range []struct {
		text string
		want []chain.Passed
	}{
		{"", nil},
		{"text:128@-3.512", []chain.Passed{{Kind: "text", Size: 128, At: -3512 * time.Millisecond, Like: 1}}},
		{"binary:>33554431@-0.500x3 close:2@0.250+0.750", []chain.Passed{
			{Kind: "binary", Size: 33554431, More: true, At: -500 * time.Millisecond, Like: 3},
			{Kind: "close", Size: 2, At: 250 * time.Millisecond, Gap: 750 * time.Millisecond, Like: 1},
		}},
		{"opcode(0x3):1@0.000", []chain.Passed{{Kind: "opcode(0x3)", Size: 1, Like: 1}}},
		// An entry that is malformed is left out. The entries beside it are not.
		{"text text: text:1 :1@0 text:-1@0 text:1@ text:1@NaN text:1@1e99 text:1@0+-1 text:1@0x0 text:1@0x ping:0@1.000", []chain.Passed{{Kind: "ping", At: time.Second, Like: 1}}},
	} {
		s := &chain.Span{Attributes: []attribute.KeyValue{semconv.WebSocketHistoryReceiveKey.String(test.text)}}
		if got, sent := s.History(); !slices.Equal(got, test.want) || sent != nil {
			t.Errorf("%q: got %v and %v, want %v", test.text, got, sent, test.want)
		}
	}
	long := strings.Repeat("text:1@0.000 ", 100_000)
	s := &chain.Span{Attributes: []attribute.KeyValue{semconv.WebSocketHistoryTransmitKey.String(long)}}
	if _, sent := s.History(); len(sent) != 256 {
		t.Errorf("got %d entries, want 256", len(sent))
	}
}

func TestAway(t *testing.T) {
	s := &chain.Span{Name: semconv.SpanHistory, Attributes: []attribute.KeyValue{semconv.WebSocketReaderAwayKey.Float64(1.5)}}
	if d, known := s.Away(); d != 1500*time.Millisecond || !known {
		t.Errorf("got %v, %v", d, known)
	}
	if _, known := (&chain.Span{Name: semconv.SpanHistory}).Away(); known {
		t.Error("got a time where the span says none")
	}
}
