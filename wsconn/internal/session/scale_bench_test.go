//go:build unix

package session_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// manyConns returns how many connections to measure: each takes two of the open files that
// are allowed. The runtime itself raises the soft limit to the hard one.
func manyConns(b *testing.B) int {
	if testing.Short() {
		return 50
	}
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		b.Fatal(err)
	}
	return int(min(10_000, (l.Cur-200)/2))
}

// onePercent samples one connection in a hundred.
var onePercent = sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01))

var scaleModes = []mode{
	{name: "bare"},
	{name: "stalls", provider: unsampled, opts: []session.Option{stalling}},
	{name: "default", own: true, provider: sdk()},
	{name: "full", own: true, provider: sdk(), opts: []session.Option{allMessages, unbounded}},
	{name: "lean", own: true, provider: leanly(), opts: []session.Option{allMessages, unbounded}},
	{name: "full-1%", own: true, provider: sdk(sdktrace.WithSampler(onePercent)), opts: []session.Option{allMessages, unbounded}},
	{name: "lean-1%", own: true, provider: leanly(lean.WithSampler(onePercent)), opts: []session.Option{allMessages, unbounded}},
}

var unbounded = session.WithTraceBudget(0, 0)

// inUse is the memory in use, of the heap and the stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// measure runs f, which does b.N times what is measured, and waits for the exports of
// that.
func (s *bench) measure(f func()) {
	b := s.b
	s.flush()
	exported := s.spans.spans.Load()
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	f()
	s.flush()
	used := cpuTime() - before
	b.StopTimer()
	if used > 0 {
		b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
	}
	b.ReportMetric(float64(s.spans.spans.Load()-exported)/float64(b.N), "spans/op")
}

// BenchmarkScale measures a message there and back on one of 10,000 open connections, each
// of which sends one every half a second. Before that it measures the memory of an idle
// connection, whose server waits in a read.
func BenchmarkScale(b *testing.B) {
	const period = 500 * time.Millisecond
	n := manyConns(b)
	b.Run(fmt.Sprintf("conns=%d/size=128/lib=nhooyr", n), func(b *testing.B) {
		for _, m := range scaleModes {
			b.Run("mode="+m.name, func(b *testing.B) {
				before := inUse()
				s := m.serve(b, libraries[0], echoServer)
				ctx, cancel := context.WithCancel(s.context())
				conns := make([]conn, n)
				for i := range conns {
					conns[i] = s.dial()
				}
				var turns sync.WaitGroup
				begin := make(chan struct{})
				var left atomic.Int64
				left.Store(int64(b.N))
				for _, c := range conns {
					turns.Go(func() {
						msg := make([]byte, 128)
						<-begin
						time.Sleep(rand.N(period))
						for ; left.Add(-1) >= 0; time.Sleep(period) {
							ping(ctx, b, c, msg)
						}
					})
				}
				s.flush()
				idle := inUse() - before
				s.measure(func() {
					close(begin)
					turns.Wait()
				})
				b.ReportMetric(float64(idle)/float64(2*n), "idle-B/end")
				cancel()
			})
		}
	})
}
