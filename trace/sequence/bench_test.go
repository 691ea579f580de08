package sequence_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// flood returns n spans of senders that write and block now and then, and of peers whose
// reads link to the writes.
func flood(n int) []chain.Span {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	spans := make([]chain.Span, 0, n)
	add := func(service, name string, parent int, at, d time.Duration, attrs ...attribute.KeyValue) int {
		s := chain.Span{
			Name: name, Service: service, Scope: trace.ScopeName,
			Start: start.Add(at), End: start.Add(at + d), Attributes: attrs,
		}
		binary.BigEndian.PutUint64(s.TraceID[:], 1)
		binary.BigEndian.PutUint64(s.SpanID[:], uint64(len(spans)+1))
		if parent >= 0 {
			s.ParentID = spans[parent].SpanID
		}
		spans = append(spans, s)
		return len(spans) - 1
	}
	var senders, readers []int
	for i := range 4 {
		senders = append(senders, add("server", fmt.Sprintf("send%d", i), -1, time.Duration(i), time.Microsecond, semconv.GoroutineNameKey.String(fmt.Sprintf("send%d", i))))
		readers = append(readers, add("client", fmt.Sprintf("read%d", i), -1, time.Duration(i), time.Microsecond, semconv.GoroutineNameKey.String(fmt.Sprintf("read%d", i))))
	}
	for i := 0; len(spans) < n; i++ {
		at := time.Duration(i) * 20 * time.Microsecond
		d := time.Duration(5+i%7) * time.Microsecond
		if i%53 == 0 {
			d = 200 * time.Microsecond
		}
		if i%1201 == 0 {
			d = 30 * time.Millisecond
		}
		w := add("server", semconv.SpanWrite, senders[i%4], at, d,
			semconv.WebSocketMessageSizeKey.Int(100+i%900), semconv.WebSocketMessageTypeKey.String("text"))
		if i%53 == 0 || i%1201 == 0 {
			add("server", semconv.SpanBlock, w, at, d-time.Microsecond,
				semconv.BlockReasonKey.String(string(semconv.ReasonNetWrite)), semconv.BlockSourceKey.String(string(semconv.SourcePoll)))
			add("server", semconv.SpanWake, w, at+d-time.Microsecond, time.Microsecond, semconv.WakeReasonKey.String(string(semconv.WakePeerRead)))
		}
		r := add("client", semconv.SpanRead, readers[i%4], at, d+time.Microsecond, semconv.WebSocketMessageSizeKey.Int(100+i%900))
		if i%3 != 0 {
			spans[r].Links = []chain.Link{{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
				TraceID: spans[w].TraceID, SpanID: spans[w].SpanID,
			})}}
		}
	}
	return spans[:n]
}

// BenchmarkHTML measures the way of 100,000 spans to a page.
func BenchmarkHTML(b *testing.B) {
	spans := flood(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := sequence.New(chain.New(spans)).Write(io.Discard, sequence.HTML); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTMLDeep measures a page of 100,000 spans, each below the one before.
func BenchmarkHTMLDeep(b *testing.B) {
	spans := deep(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if err := sequence.New(chain.New(spans)).Write(io.Discard, sequence.HTML); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTMLUnfolded measures a page with a row for each span, before the limit.
func BenchmarkHTMLUnfolded(b *testing.B) {
	c := chain.New(flood(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if err := sequence.New(c, sequence.WithoutFolding()).Write(io.Discard, sequence.HTML); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkText measures a diagram of 100,000 spans for a terminal.
func BenchmarkText(b *testing.B) {
	c := chain.New(flood(100_000))
	b.ReportAllocs()
	for b.Loop() {
		if err := sequence.New(c).Write(io.Discard, sequence.Text); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew shows that the cost for each span does not grow with their number, for the
// diagram and its text.
func BenchmarkNew(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		if testing.Short() && n > 10_000 {
			continue
		}
		c := chain.New(flood(n))
		b.Run(fmt.Sprintf("spans=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := sequence.New(c).Write(io.Discard, sequence.Text); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
		})
	}
}
