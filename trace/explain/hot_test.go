package explain_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// BenchmarkExplainHot explains n spans of one connection, one lock or one goroutine, where
// a quadratic algorithm would show. Ten times the spans take ten times the time.
func BenchmarkExplainHot(b *testing.B) {
	for name, make := range map[string]func(*script, int){
		"writes": func(s *script, n int) {
			_, sen := s.connect()
			for i := range n / 3 {
				w := s.write(sen, 10+3*i, 12+3*i, i+1)
				s.block(w, 10+3*i, 11+3*i, semconv.ReasonNetWrite, semconv.WakeWritable, semconv.BlockCauseKey.String("peer_window"))
			}
		},
		"locks": func(s *script, n int) {
			root := s.add(0, "main", 0, n)
			for i := range n / 4 {
				launch, _ := s.run(root, fmt.Sprint("worker", i%100), i, i+9, semconv.StateFinished)
				s.block(s.add(launch, semconv.SpanLock, i, i+5), i, i+4, semconv.ReasonLock, semconv.WakeUnlocked, attribute.Int("x", i))
			}
		},
		"failures": func(s *script, n int) {
			root := s.add(0, "main", 0, n)
			for i := range n / 2 {
				_, life := s.run(root, "worker", i, i+9, semconv.StateFailed)
				s.fail(life, "x")
			}
		},
	} {
		for _, n := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				var s script
				make(&s, n)
				c := chain.New(s.spans)
				b.ReportAllocs()
				for b.Loop() {
					explain.Explain(c)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.Len()), "ns/span")
			})
		}
	}
}
