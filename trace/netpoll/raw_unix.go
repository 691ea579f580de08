//go:build unix

package netpoll

import (
	"net"
	"syscall"
)

// rawConn returns the conn's descriptor in the runtime poller, or nil if a Read of the conn
// does more than a read of the descriptor.
func rawConn(nc net.Conn) syscall.RawConn {
	var raw syscall.RawConn
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, _ = c.SyscallConn()
	case *net.UnixConn:
		if c.LocalAddr().Network() == "unix" { // a stream: a short read loses nothing
			raw, _ = c.SyscallConn()
		}
	}
	return raw
}

func sysRead(fd uintptr, p []byte) (int, error)  { return syscall.Read(int(fd), p) }
func sysWrite(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
