package chain_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

var sizes = []int{1_000, 10_000, 100_000, 1_000_000}

// busy returns n made-up spans: connections with messages, blocks, wakes and links.
func busy(n int) []chain.Span {
	s := &script{}
	at := 0.0
	for len(s.spans) < n {
		s.service = "server"
		run := s.add(0, "serve", at, at+1, semconv.GoroutineNameKey.String("serve"))
		for range 50 {
			s.service = "server"
			w := s.add(run, semconv.SpanWrite, at+2, at+5, semconv.WebSocketMessageSizeKey.Int(len(s.spans)))
			s.service = "client"
			r := s.add(run, semconv.SpanRead, at+3, at+9)
			_, wake := s.block(r, at+4, at+6, at+9, semconv.ReasonNetRead, "", semconv.WakeReadable)
			s.link(wake, w)
			at += 10
		}
	}
	spans := s.spans[:n]
	rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

// BenchmarkNew shows that the cost per span grows no faster than log n.
func BenchmarkNew(b *testing.B) {
	for _, n := range sizes {
		spans := busy(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				chain.New(spans)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
		})
	}
}

func BenchmarkWriteTree(b *testing.B) {
	for _, n := range sizes {
		c := chain.New(busy(n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := c.WriteTree(io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
		})
	}
}
