package netpoll

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// callError returns the error of a system call as package net does.
func (h *half) callError(name string, err error) error {
	switch err { //nolint:errorlint // as they come from transfer
	case nil, io.EOF:
		return err
	case io.ErrUnexpectedEOF:
	default:
		err = os.NewSyscallError(name, err)
	}
	nc := h.conn.Conn
	return &net.OpError{Op: name, Net: network(nc), Source: nc.LocalAddr(), Addr: nc.RemoteAddr(), Err: err}
}

// network returns the network that nc was dialed or accepted on. That may be tcp4 although
// nc's address says tcp. Only an error of package net reveals it: the one of a copy from a
// reader that refuses.
func network(nc net.Conn) string {
	if rf, ok := nc.(io.ReaderFrom); ok {
		opErr := (*net.OpError)(nil)
		if _, err := rf.ReadFrom(refusing{}); errors.As(err, &opErr) {
			return opErr.Net
		}
	}
	return nc.LocalAddr().Network()
}

// refusing is an empty reader that needs no buffer of io.Copy's.
type refusing struct{}

func (refusing) Read([]byte) (int, error)         { return 0, errors.ErrUnsupported }
func (refusing) WriteTo(io.Writer) (int64, error) { return 0, errors.ErrUnsupported }

// connError returns the error of the connection behind that of a call. If a fault ends
// several calls, the kernel reports it to the first alone, and to the others the end of
// the stream.
func (h *half) connError(err error) error {
	if err == nil {
		return nil
	}
	errno, ok := err.(syscall.Errno) //nolint:errorlint // as it comes from transfer
	_, tcp := h.conn.Conn.(*net.TCPConn)
	switch fault := syscall.Errno(h.conn.fault.Load()); {
	case !tcp || h.shut().Load():
		return err
	case ended(err) && fault != 0:
		return fault
	case errno == syscall.EPIPE:
		// A FIN does not end a parked write. A reset does, as EPIPE if a FIN was
		// received before (tcp_reset, in CLOSE_WAIT).
		return syscall.ECONNRESET
	case ok:
		h.conn.fault.CompareAndSwap(0, uintptr(errno))
	}
	return err
}

// ended reports whether err says that the direction was shut down, by one of
// the two sides.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}
