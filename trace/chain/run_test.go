package chain_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// messages returns the attributes of a run of messages on the connection id.
func messages(id string, first, last int) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.WebSocketConnectionIDKey.String(id), semconv.WebSocketMessageSizeKey.Int(5 * (last - first + 1)),
		semconv.WebSocketRunMessagesKey.Int(last - first + 1), semconv.WebSocketRunFirstKey.Int(first), semconv.WebSocketRunLastKey.Int(last),
		semconv.WebSocketRunLongestKey.Float64(0.0001), semconv.WebSocketRunIdleKey.Float64(0.0005),
	}
}

func message(id string, index int) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.WebSocketConnectionIDKey.String(id), semconv.WebSocketMessageIndexKey.Int(index), semconv.WebSocketMessageSizeKey.Int(5)}
}

// A read links to the run that the peer named, or to the write of the message's number if
// that one stalled. If the chain has neither, it links to nothing. The same holds for a
// run of reads.
func TestRuns(t *testing.T) {
	t.Parallel()
	var s script
	writer := s.add(0, "writer", 0, 9000)
	run := s.add(writer, semconv.SpanWrites, 100, 1100, messages("w", 17, 40)...)
	stalled := s.add(writer, semconv.SpanWrite, 1100, 5000, message("w", 41)...)
	s.link(stalled, run)
	reader := s.add(0, "reader", 0, 9000)
	in := s.add(reader, semconv.SpanRead, 200, 300, message("r", 18)...)
	after := s.add(reader, semconv.SpanRead, 300, 5100, message("r", 41)...)
	nowhere := s.add(reader, semconv.SpanRead, 5100, 6100, message("r", 42)...)
	reads := s.add(reader, semconv.SpanReads, 6200, 7200, messages("r", 40, 50)...)
	left := s.add(reader, semconv.SpanReads, 7200, 7300, messages("r", 41, 43)...)
	others := s.add(reader, semconv.SpanReads, 7200, 8200, messages("r", 51, 60)...)
	for _, read := range []int{in, after, nowhere, reads, left, others} {
		s.link(read, run)
	}
	c := chain.New(s.spans)
	find := func(n int) *chain.Span {
		for _, x := range c.Spans {
			if x.SpanID == s.at(n).SpanID {
				return x
			}
		}
		return nil
	}
	for _, test := range []struct{ from, to int }{{in, run}, {after, stalled}, {nowhere, 0}, {stalled, run}, {reads, run}, {left, stalled}, {others, 0}} {
		var want *chain.Span
		if test.to != 0 {
			want = find(test.to)
		}
		if got := find(test.from).Links[0].Span; got != want {
			t.Errorf("%v: got a link to %v, want %v", find(test.from), got, want)
		}
	}
	if x := find(run); !x.IsWrite() || x.IsRead() || x.Messages() != 24 || !x.Has(17) || !x.Has(40) || x.Has(41) || x.Has(0) {
		t.Errorf("got %d messages of %v", x.Messages(), x)
	}
	if x := find(after); x.Messages() != 1 || !x.Has(41) || !x.IsRead() {
		t.Errorf("got %d messages of %v", x.Messages(), x)
	}
	text := tree(t, c, chain.WithoutTimes())
	for _, want := range []string{
		"writes #", "  24 messages, 17 to 40  120 B  1ms  longest 100µs  idle 500µs\n",
		"reads  11 messages, 40 to 50  55 B  1ms  longest 100µs  idle 500µs  ← writes #",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the tree has no %q:\n%s", want, text)
		}
	}
}
