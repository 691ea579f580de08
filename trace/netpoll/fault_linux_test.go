package netpoll

import (
	"net"
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
			// The kernel gives a connection up whose peer takes nothing for so long.
			const patience = 100 * time.Millisecond
			if failed := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(patience.Milliseconds()))
			}); failed != nil || err != nil {
				t.Fatal(failed, err)
			}
			_ = nc.SetWriteDeadline(time.Now().Add(patience / 2))
			for err == nil { // until the buffers are full
				_, err = nc.Write(make([]byte, 1<<20))
			}
			c := Wrap(nc)
			observe(c)
			_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Fatal("got bytes")
			}
			if got := syscall.Errno(c.fault.Load()); got != syscall.ETIMEDOUT {
				t.Errorf("got %v, want %v", got, syscall.ETIMEDOUT)
			}
		})
	}
}
