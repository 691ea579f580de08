//go:build unix

package live_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn"
)

// pairs is how many connections a snapshot is measured with. Each has two ends
// and two goroutines that are blocked, of which one in a write.
const pairs = 4900 // 9,800 descriptors: some systems allow 10,240

func BenchmarkSnapshot(b *testing.B) {
	ctx, cancel := context.WithCancel(trace.New(trace.WithTracerProvider(lean.NewTracerProvider())).NewContext(context.Background()))
	url := serve(b, ctx, "sen_data", sends)
	group, _ := trace.NewGroup(ctx)
	var ready sync.WaitGroup
	for range pairs {
		ready.Add(1)
		group.Go(ctx, "client", dialing(url, func(ctx context.Context, c *wsconn.Conn) error {
			ready.Done()
			return trace.Sleep(ctx, time.Hour)
		}))
		ready.Wait() // a burst would overflow the listener's queue
	}
	defer func() { cancel(); _ = group.Wait(context.Background()) }()
	for deadline := time.Now().Add(time.Minute); ; pause() {
		v := live.Snapshot()
		if v.Counts.Blocked >= 2*pairs {
			break
		}
		if time.Now().After(deadline) {
			b.Fatalf("got %+v", v.Counts)
		}
	}
	least := time.Hour
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		least = min(least, live.Snapshot().Took)
	}
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(least.Microseconds())/1000, "least-ms")
	b.ReportMetric(2*pairs, "goroutines")
}

// cpu is what this process has used of processors.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
