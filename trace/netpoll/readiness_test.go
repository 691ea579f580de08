//go:build unix

package netpoll_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// loop is a poller's loop that waits for a fixed time after a failed attempt, and then
// tries another descriptor.
type loop struct {
	syscall.RawConn
	empty, full uintptr
	parks       time.Duration
}

func (l loop) Read(f func(fd uintptr) bool) error {
	if !f(l.empty) {
		if l.parks > 0 {
			timer := time.NewTimer(l.parks)
			<-timer.C
		}
		f(l.full)
	}
	return nil
}

// If the loop is back immediately, since the descriptor became ready before the goroutine
// parked, there was no block. If it is back later, there was one.
func TestReadinessFirst(t *testing.T) {
	const rounds = 100
	for _, want := range []struct {
		name        string
		parks       time.Duration
		least, most int
	}{
		{"at once", 0, 0, rounds / 2}, // but where the thread loses its processor meanwhile
		{"after a while", time.Millisecond, rounds, rounds},
	} {
		t.Run(want.name, func(t *testing.T) {
			if race && want.parks == 0 {
				t.Skip("with -race a round without a park takes as long as one with it")
			}
			var fds [4]int
			for i := range 2 {
				two, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
				if err != nil {
					t.Fatal(err)
				}
				for j, fd := range two {
					fds[2*i+j] = fd
					if err := syscall.SetNonblock(fd, true); err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = syscall.Close(fd) })
				}
			}
			nc, _ := pair(t, "unix")
			c := netpoll.WithRaw(nc, loop{empty: uintptr(fds[0]), full: uintptr(fds[2]), parks: want.parks})
			ctx, rec := record(t)
			for range rounds {
				if _, err := syscall.Write(fds[3], []byte("a")); err != nil {
					t.Fatal(err)
				}
				op := start(ctx, c, semconv.ReasonNetRead)
				n, err := c.Read(make([]byte, 8))
				op.End(err)
				if n != 1 || err != nil {
					t.Fatalf("Read: got %d and %v, want 1 byte", n, err)
				}
			}
			blocks := 0
			for _, s := range rec.Chain().Spans {
				if s.Is(semconv.SpanBlock) {
					blocks++
				}
			}
			if blocks < want.least || blocks > want.most {
				t.Errorf("got %d blocks of %d calls, want %d to %d", blocks, rounds, want.least, want.most)
			}
		})
	}
}
