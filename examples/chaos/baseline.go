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

// baseline is the number of goroutines and descriptors that the process has between plays.
type baseline struct {
	goroutines, descriptors int
}

func now() (b baseline) {
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close() // for its first socket the runtime opens descriptors of its own
	}
	b.goroutines, b.descriptors = runtime.NumGoroutine(), descriptors()
	return b
}

// descriptors returns how many files and sockets are open, or 0 if the system does not
// report it.
func descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(all)
}

// heap returns how many bytes of the heap are in use after a collection. It waits for up to
// longest until there are no more than most: the runtime keeps a stopped timer, and all
// that its function holds, until the timer's processor checks its timers, or the timer's
// time has come. Plays have such timers, which hold their whole epoch.
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

// settle waits for up to longest until the process has no more than b. It returns a text
// for each excess, and for goroutines and connections that package live still lists.
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
