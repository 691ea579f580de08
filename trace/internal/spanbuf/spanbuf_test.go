package spanbuf_test

import (
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/internal/spanbuf"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A buffer keeps the first spans up to its limit, and counts the others. It may be used
// concurrently, and is closed once.
func TestBuffer(t *testing.T) {
	spans := tracetest.SpanStubs{{Name: "a"}, {Name: "b"}, {Name: "c"}}.Snapshots()
	b := spanbuf.Buffer{Max: 4}
	b.Add(spans)
	b.Add(spans)
	kept, dropped := b.Spans()
	if len(kept) != 4 || kept[3].Name() != "a" || dropped != 2 {
		t.Errorf("got %d spans and %d dropped, want 4 and 2", len(kept), dropped)
	}

	b = spanbuf.Buffer{Max: 50}
	closed := make(chan bool, 20)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			b.Add(spans)
			b.Spans()
			closed <- b.Close()
		})
	}
	wg.Wait()
	close(closed)
	first := 0
	for ok := range closed {
		if ok {
			first++
		}
	}
	if kept, dropped := b.Spans(); len(kept) != 50 || dropped != 10 || first != 1 {
		t.Errorf("got %d spans, %d dropped and closed %d times, want 50, 10 and 1", len(kept), dropped, first)
	}
}
