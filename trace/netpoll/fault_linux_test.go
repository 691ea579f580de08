package netpoll

import (
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

type timer struct{}

func (timer) Park(Park)             {}
func (timer) Wake(Wake)             {}
func (timer) Blocked(time.Duration) {}

// The fault that ends a parked read is kept, however the read is observed: the kernel
// then reports EPIPE to a parked write, as it also does after a reset.
func TestFaultOfARead(t *testing.T) {
	for name, observe := range map[string]func(*Conn){
		"observed": func(c *Conn) { c.ObserveRead(timer{}) },
		"timed":    func(c *Conn) { c.TimeRead(timer{}) },
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			nc, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			peer, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer peer.Close()
			raw, err := nc.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			control := func(f func(fd int) error) {
				t.Helper()
				if failed := raw.Control(func(fd uintptr) { err = f(int(fd)) }); failed != nil || err != nil {
					t.Fatal(failed, err)
				}
			}
			for full := false; !full; { // until the kernel has waited for the peer to read
				_ = nc.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
				if _, err := nc.Write(make([]byte, 1<<20)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatal(err)
				}
				control(func(fd int) error {
					info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
					full = err == nil && info.Notsent_bytes > 0 && info.Rwnd_limited > 50_000
					return err
				})
			}
			c := Wrap(nc)
			observe(c)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			done := make(chan error, 1)
			go func() {
				_, err := c.Read(make([]byte, 1))
				done <- err
			}()
			for !c.read().parked.Load() && c.TimedPark().IsZero() {
				if len(done) > 0 {
					t.Fatal(<-done)
				}
				runtime.Gosched()
			}
			// The kernel gives a connection up whose peer takes nothing for so long: not before
			// the read has parked.
			control(func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 100) })
			if err := <-done; err == nil {
				t.Fatal("got bytes")
			}
			if got := syscall.Errno(c.fault.Load()); got != syscall.ETIMEDOUT {
				t.Errorf("got %v, want %v", got, syscall.ETIMEDOUT)
			}
		})
	}
}
