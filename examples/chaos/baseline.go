package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

// baseline is what the process has while nothing happens.
type baseline struct {
	goroutines, descriptors int
}

func now() (b baseline) {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close() // from the first one on, the runtime has descriptors of its own
	}
	b.goroutines, b.descriptors = runtime.NumGoroutine(), descriptors()
	return b
}

// descriptors is how many files and sockets are open, 0 where the system does not say.
func descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

// heap is what is in use, once what is not has been collected. It waits until that is no
// more than most, but not for longer: the runtime keeps a timer that was stopped, and all
// that its function holds, until the processor that it is of looks at its timers again, or
// its time has come. A play has such ones, which hold all of its epoch.
func heap(most uint64, longest time.Duration) uint64 {
	for end := time.Now().Add(longest); ; time.Sleep(20 * time.Millisecond) {
		debug.FreeOSMemory() // collects twice, so that pools are empty
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapAlloc <= most || time.Now().After(end) {
			return m.HeapAlloc
		}
	}
}

// settle waits until the process has no more than before, and returns what it has if
// that takes longer.
func (b baseline) settle(longest time.Duration) (faults []string) {
	for end := time.Now().Add(longest); ; time.Sleep(5 * time.Millisecond) {
		got := now()
		if got.goroutines <= b.goroutines && got.descriptors <= b.descriptors {
			break
		}
		if time.Now().Before(end) {
			continue
		}
		if got.goroutines > b.goroutines {
			faults = append(faults, fmt.Sprintf("%d goroutines, and %d before\n%s", got.goroutines, b.goroutines, stacks()))
		}
		if got.descriptors > b.descriptors {
			faults = append(faults, fmt.Sprintf("%d descriptors, and %d before", got.descriptors, b.descriptors))
		}
		break
	}
	if v := live.Snapshot(); v.Counts.Goroutines > 0 || v.Counts.Connections > 0 {
		faults = append(faults, fmt.Sprintf("%d goroutines and %d connections are still live", v.Counts.Goroutines, v.Counts.Connections))
	}
	return faults
}
