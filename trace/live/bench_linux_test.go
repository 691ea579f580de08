package live_test

import (
	"context"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn"
)

// pairs is the number of connections in a snapshot. Each has two ends and two blocked
// goroutines, one of which writes.
const pairs = 4900 // 9,800 descriptors: some systems allow 10,240

// BenchmarkSnapshot alternates with 10,000 bare questions to the kernel, which take 0.4 µs
// each on an idle machine: both are slowed down together. It reports the least and the
// median CPU time of the snapshot's own thread. Times of the process would include the
// garbage collector's.
// median; those of the process have the garbage collector's, too.
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
		ready.Wait() // all at once would overflow the listener's queue
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
	bare := asking(b)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var own, asks []time.Duration
	b.ReportAllocs()
	before := cpu(b, unix.RUSAGE_SELF)
	for b.Loop() {
		began := cpu(b, unix.RUSAGE_THREAD)
		live.Snapshot()
		done := cpu(b, unix.RUSAGE_THREAD)
		bare()
		own, asks = append(own, done-began), append(asks, cpu(b, unix.RUSAGE_THREAD)-done)
	}
	all := cpu(b, unix.RUSAGE_SELF) - before
	for _, d := range asks {
		all -= d
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(all)/float64(b.N), "process-ms/op")
	b.ReportMetric(ms(slices.Min(own)), "least-ms")
	b.ReportMetric(ms(middle(own)), "median-ms")
	b.ReportMetric(ms(slices.Min(asks)), "least-asks-ms")
	b.ReportMetric(ms(middle(asks)), "median-asks-ms")
	b.ReportMetric(2*pairs, "goroutines")
}

func middle(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// asking returns a function that asks the kernel 10,000 times about one TCP connection.
func asking(b *testing.B) func() {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if err := raw.Control(func(fd uintptr) {
			var info unix.TCPInfo
			for range 10_000 {
				size := uint32(unsafe.Sizeof(info))
				if _, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.IPPROTO_TCP, unix.TCP_INFO,
					uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0); errno != 0 {
					b.Error(errno)
					return
				}
			}
		}); err != nil {
			b.Error(err)
		}
	}
}

// cpu returns the CPU time that this process or thread has used.
func cpu(b *testing.B, who int) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
