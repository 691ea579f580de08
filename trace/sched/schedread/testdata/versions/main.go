// Command versions writes the execution trace of a program with known waits, in the format
// of the Go version that builds it:
//
//	GOTOOLCHAIN=go1.22.12 go run main.go | gzip -9 > go1.22.trace.gz
package main

import (
	"os"
	"runtime"
	"runtime/trace"
	"sync"
	"time"
)

func holder(mu *sync.Mutex, locked chan<- bool) {
	mu.Lock()
	locked <- true
	time.Sleep(20 * time.Millisecond)
	mu.Unlock()
}

func waiter(mu *sync.Mutex, done chan<- bool) {
	mu.Lock()
	mu.Unlock()
	done <- true
}

func main() {
	runtime.GOMAXPROCS(1)
	if err := trace.Start(os.Stdout); err != nil {
		panic(err)
	}
	var mu sync.Mutex
	locked, done := make(chan bool), make(chan bool)
	go holder(&mu, locked)
	<-locked
	go waiter(&mu, done)
	<-done
	trace.Stop()
}
