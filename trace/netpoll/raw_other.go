//go:build !unix

package netpoll

import (
	"errors"
	"net"
	"syscall"
)

// rawConn returns nil: every conn is timed.
func rawConn(net.Conn) syscall.RawConn { return nil }

func sysRead(uintptr, []byte) (int, error)  { return 0, errors.ErrUnsupported }
func sysWrite(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
