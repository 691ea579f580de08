package sequence_test

import (
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// A connection that continues in another trace keeps its lifelines. The spans that it
// links to there have sent it nothing.
func TestSegments(t *testing.T) {
	var ss spans
	hello, data := ss.connection()
	ticker := ss.add("socket_start", "ticker", data, 2, 2.1, semconv.GoroutineNameKey.String("ticker"))
	segment := func(service string, handshake int) int {
		s := ss.add(service, semconv.SpanSegment, -1, 3, 3)
		ss[s].TraceID = oteltrace.TraceID{byte(10 + s)}
		ss.link(s, handshake)
		return s
	}
	below := func(service, name string, segment, goroutine int, at float64) {
		s := ss.message(service, name, segment, 1, at, at+0.1)
		ss[s].TraceID = ss[segment].TraceID
		ss.link(s, goroutine)
	}
	server, client := segment("socket_start", hello+2), segment("socket_get", hello+1)
	below("socket_start", semconv.SpanWrite, server, ticker, 4)
	below("socket_get", semconv.SpanRead, client, hello, 4.05)
	got := outline(sequence.New(chain.New(ss)))
	want := `spawn socket_start sen_data > socket_start ticker !: go ticker
step - > socket_start sen_data: segment
step - > socket_get hello: segment
message socket_start ticker > socket_get hello !: write · 11 B
`
	if !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant at its end\n%s", got, want)
	}
}
