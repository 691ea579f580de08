package e2e_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// TestRuns has a connection whose messages come to nothing, and reads back what a
// backend has of them: a few rows in place of thousands, with every message in one.
func TestRuns(t *testing.T) {
	const messages = 3000
	j := newJaeger(t)
	j.start()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:"+j.http)
	counts := map[wsconn.MessageSpans]int{}
	for _, mode := range []wsconn.MessageSpans{wsconn.MessagesAll, wsconn.MessagesAuto} {
		service := "runs " + mode.String()
		spans, err := telemetry.New(0, "")
		if err != nil {
			t.Fatal(err)
		}
		tracer, err := spans.Tracer(t.Context(), service)
		if err != nil {
			t.Fatal(err)
		}
		n := messages
		if mode == wsconn.MessagesAll {
			n = messages / 10 // so that the exporter can follow
		}
		exchange(t, tracer, n, wsconn.WithMessageSpans(mode), wsconn.WithTraceBudget(0, 0))
		spans.Shutdown(t.Context())
		ids := j.search(url.Values{"service": {service}, "operation": {"client"}})
		if len(ids) != 1 {
			t.Fatalf("%s: got the traces %v, want one", service, ids)
		}
		id := traceID(t, ids[0])
		c := chain.New(j.trace(id))
		counts[mode] = c.Len()
		if _, warnings := j.page(id); len(warnings) > 0 {
			t.Errorf("%s: the page warns: %q", service, warnings)
		}
		of := map[string]map[bool]int64{} // messages of an end, by direction
		for _, s := range c.Spans {
			if !s.IsRead() && !s.IsWrite() {
				continue
			}
			id := s.Str(semconv.WebSocketConnectionIDKey)
			if of[id] == nil {
				of[id] = map[bool]int64{}
			}
			of[id][s.IsWrite()] += s.Messages()
			if s.Failed() || s.Messages() == 0 || s.IsWrite() {
				continue
			}
			if len(s.Links) == 0 || s.Links[0].Span == nil || !s.Links[0].Span.IsWrite() {
				t.Errorf("%v links to %v, want the peer's write or run", s, s.Links)
			}
		}
		if len(of) != 2 {
			t.Errorf("%s: got %d ends, want 2", service, len(of))
		}
		for id, got := range of {
			if got[false] != int64(n) || got[true] != int64(n) {
				t.Errorf("%s: the end %s has %d messages read and %d written, want %d of each", service, id, got[false], got[true], n)
			}
		}
		text := c.String()
		if runs := strings.Count(text, " messages, "); mode == wsconn.MessagesAuto && runs < 4 {
			t.Errorf("the tree has %d runs, want one of each direction of both ends at least:\n%s", runs, text)
		}
		t.Logf("%s: %d messages there and back are %d spans", service, n, c.Len())
	}
	if auto := counts[wsconn.MessagesAuto]; auto > 400 || auto < 100 {
		t.Errorf("got %d spans with runs, want those of the first messages and few more", auto)
	}
}
