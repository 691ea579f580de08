package explain_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
)

// writeMany writes at least n spans as OTLP/JSON. They are copies of the spans of the
// diagrams' real programs: each copy has traces and values of its own, or all are in one
// trace.
func writeMany(w io.Writer, n int, oneTrace bool) error {
	files, err := filepath.Glob(filepath.Join("..", "sequence", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no scenarios: %w", err)
	}
	var all [][]chain.Span
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		spans, _, err := chain.Read(bytes.NewReader(b))
		if err != nil {
			return err
		}
		all = append(all, spans)
	}
	for k := 0; n > 0; k++ {
		spans := all[k%len(all)]
		again := make([]chain.Span, len(spans))
		for i, s := range spans {
			again[i] = anew(s, uint32(k), i, oneTrace)
		}
		if err := chain.WriteOTLP(w, again); err != nil {
			return err
		}
		n -= len(spans)
	}
	return nil
}

// anew returns the k-th copy of s.
func anew(s chain.Span, k uint32, i int, oneTrace bool) chain.Span {
	shift := time.Duration(k) * 10 * time.Millisecond
	s.Start = s.Start.Add(shift)
	if !s.End.IsZero() {
		s.End = s.End.Add(shift)
	}
	add := func(b []byte) { binary.BigEndian.PutUint32(b, binary.BigEndian.Uint32(b)+k) }
	if oneTrace {
		s.TraceID = [16]byte{1}
		add(s.SpanID[:])
		if s.ParentID.IsValid() {
			add(s.ParentID[:])
		}
	} else {
		add(s.TraceID[:])
	}
	links := make([]chain.Link, len(s.Links))
	for j, l := range s.Links {
		c := l.SpanContext
		if traceID, spanID := c.TraceID(), c.SpanID(); oneTrace {
			add(spanID[:])
			c = c.WithTraceID([16]byte{1}).WithSpanID(spanID)
		} else {
			add(traceID[:])
			c = c.WithTraceID(traceID)
		}
		links[j] = chain.Link{SpanContext: c, Attributes: l.Attributes}
	}
	s.Links = links
	attrs := make([]attribute.KeyValue, len(s.Attributes), len(s.Attributes)+3)
	for j, kv := range s.Attributes {
		if kv.Value.Type() == attribute.INT64 && kv.Value.AsInt64() > 1000 {
			kv.Value = attribute.Int64Value(kv.Value.AsInt64() + int64(k))
		}
		attrs[j] = kv
	}
	if len(attrs) > 2 {
		attrs = append(attrs, attribute.Int("example.count", i*int(k)), attribute.String("example.session.id", fmt.Sprint(k, i)),
			attribute.String("example.region", "eu-central-1"))
	}
	s.Attributes = attrs
	return s
}

// answer reads in and explains it.
func answer(tb testing.TB, in []byte) (*chain.Chain, []explain.Finding) {
	tb.Helper()
	var spans chain.Collection
	if report, err := spans.Read(bytes.NewReader(in)); err != nil || len(report.Warnings) > 0 {
		tb.Fatalf("%+v, %v", report, err)
	}
	c := spans.Chain()
	return c, explain.Explain(c)
}

// The memory of a chain of many spans, with everything in it, is bounded.
func TestScaleMemory(t *testing.T) {
	const n, most = 30_000, 1_000 // bytes for each span
	var b bytes.Buffer
	if err := writeMany(&b, n, false); err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	c, found := answer(t, b.Bytes())
	if got := (heap() - before) / int64(c.Len()); got > most {
		t.Errorf("%d bytes a span, want at most %d", got, most)
	}
	if c.Len() < n || len(found) < 100 {
		t.Errorf("%d findings in %d spans", len(found), c.Len())
	}
	runtime.KeepAlive(b)
}

// BenchmarkAnswer reads a file, makes a chain and explains it. Twice the spans take twice
// the time.
func BenchmarkAnswer(b *testing.B) {
	for _, oneTrace := range []bool{false, true} {
		for _, n := range []int{30_000, 300_000} {
			b.Run(fmt.Sprintf("one=%v/%d", oneTrace, n), func(b *testing.B) {
				var in bytes.Buffer
				if err := writeMany(&in, n, oneTrace); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(in.Len()))
				b.ReportAllocs()
				for b.Loop() {
					answer(b, in.Bytes())
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
			})
		}
	}
}
