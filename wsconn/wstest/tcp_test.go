package wstest_test

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/wsconn/wstest"
)

// tcpPair is a connection on loopback.
func tcpPair(t *testing.T) (c, peer net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if peer, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return c, peer
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_, _ = tcp.SetLinger(0), tcp.Close()
		return
	}
	_ = c.(*wstest.Conn).Reset()
}

func closeWrite(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite() }

// A conn returns what a TCP conn returns in the same situation: the same numbers, and
// errors with the same types and texts, except for the addresses.
func TestConnAsTCP(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("each system has its own TCP; the model is Linux's")
	}
	past, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	read := func(c net.Conn) (int, error) { return c.Read(make([]byte, 8)) }
	write := func(c net.Conn) (int, error) { return c.Write([]byte("abc")) }
	// A packet on loopback takes a moment: write until the end is found.
	untilError := func(c net.Conn) (int, error) {
		for {
			if n, err := write(c); err != nil {
				return n, err
			}
		}
	}
	tests := map[string]func(c, peer net.Conn) (int, error){
		"read":       func(c, peer net.Conn) (int, error) { _, _ = write(peer); return read(c) },
		"short read": func(c, peer net.Conn) (int, error) { _, _ = write(peer); return c.Read(make([]byte, 2)) },
		"write":      func(c, _ net.Conn) (int, error) { return write(c) },
		"empty read": func(c, _ net.Conn) (int, error) { return c.Read(nil) },
		"empty write": func(c, _ net.Conn) (int, error) {
			return c.Write(nil)
		},
		"empty read, closed":    func(c, _ net.Conn) (int, error) { _ = c.Close(); return c.Read(nil) },
		"empty write, closed":   func(c, _ net.Conn) (int, error) { _ = c.Close(); return c.Write(nil) },
		"empty read, deadline":  func(c, _ net.Conn) (int, error) { _ = c.SetDeadline(past); return c.Read(nil) },
		"empty write, deadline": func(c, _ net.Conn) (int, error) { _ = c.SetDeadline(past); return c.Write(nil) },
		"read, deadline": func(c, peer net.Conn) (int, error) {
			_, _ = write(peer)
			_ = c.SetReadDeadline(past)
			return read(c)
		},
		"write, deadline": func(c, _ net.Conn) (int, error) { _ = c.SetWriteDeadline(past); return write(c) },
		"deadline taken back": func(c, peer net.Conn) (int, error) {
			_ = c.SetDeadline(past)
			_, _ = read(c)
			_ = c.SetDeadline(future)
			_, _ = write(peer)
			return read(c)
		},
		"read, closed":  func(c, _ net.Conn) (int, error) { _ = c.Close(); return read(c) },
		"write, closed": func(c, _ net.Conn) (int, error) { _ = c.Close(); return write(c) },
		"close again":   func(c, _ net.Conn) (int, error) { _ = c.Close(); return 0, c.Close() },
		"deadline, closed": func(c, _ net.Conn) (int, error) {
			_ = c.Close()
			return 0, c.SetDeadline(past)
		},
		"read, peer closed": func(c, peer net.Conn) (int, error) { _ = peer.Close(); return read(c) },
		"read what came before the close": func(c, peer net.Conn) (int, error) {
			_, _ = write(peer)
			_ = peer.Close()
			return read(c)
		},
		"write, peer closed": func(c, peer net.Conn) (int, error) {
			_ = peer.Close()
			_, _ = read(c)
			return untilError(c)
		},
		"read after a write to who closed": func(c, peer net.Conn) (int, error) {
			_ = peer.Close()
			_, _ = read(c)
			_, _ = untilError(c)
			return read(c)
		},
		"read, peer reset": func(c, peer net.Conn) (int, error) { reset(peer); return read(c) },
		"read again, peer reset": func(c, peer net.Conn) (int, error) {
			reset(peer)
			_, _ = read(c)
			return read(c)
		},
		"write, peer reset":       func(c, peer net.Conn) (int, error) { reset(peer); return untilError(c) },
		"write again, peer reset": func(c, peer net.Conn) (int, error) { reset(peer); _, _ = untilError(c); return write(c) },
		"read, peer closed with bytes unread": func(c, peer net.Conn) (int, error) {
			_, _ = write(c)
			_, _ = peer.Read(make([]byte, 1)) // they have arrived
			_ = peer.Close()
			return read(c)
		},
		"read what came before the reset": func(c, peer net.Conn) (int, error) {
			_, _ = write(c)
			_, _ = peer.Read(make([]byte, 1))
			_, _ = write(peer)
			_, _ = c.Read(make([]byte, 1)) // it has arrived
			_ = peer.Close()
			return read(c)
		},
		"write, peer closed its half and then with bytes unread": func(c, peer net.Conn) (int, error) {
			closeWrite(peer)
			_, _ = read(c)
			_, _ = write(c)
			_, _ = peer.Read(make([]byte, 1))
			_ = peer.Close()
			return untilError(c)
		},
		"write after CloseWrite": func(c, _ net.Conn) (int, error) { closeWrite(c); return write(c) },
		"read, peer's CloseWrite": func(c, peer net.Conn) (int, error) {
			_, _ = write(peer)
			closeWrite(peer)
			_, _ = read(c)
			return read(c)
		},
		"write, peer's CloseWrite": func(c, peer net.Conn) (int, error) {
			closeWrite(peer)
			_, _ = read(c)
			return write(c)
		},
		"CloseWrite, closed": func(c, _ net.Conn) (int, error) {
			_ = c.Close()
			return 0, c.(interface{ CloseWrite() error }).CloseWrite()
		},
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			c, peer := tcpPair(t)
			defer func() { _, _ = c.Close(), peer.Close() }()
			n, err := do(c, peer)
			tcp := fmt.Sprintf("%d, %s", n, describe(err))
			mc, mpeer := wstest.NetPipe()
			n, err = do(mc, mpeer)
			if got := fmt.Sprintf("%d, %s", n, describe(err)); got != tcp {
				t.Errorf("got %s, TCP has %s", got, tcp)
			}
		})
	}
}

// describe returns an error's chain of types, its text without network and addresses, and
// whether it is a timeout.
func describe(err error) string {
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		if op, ok := e.(*net.OpError); ok {
			fmt.Fprintf(&b, "OpError %s (timeout %v): ", op.Op, op.Timeout())
			continue
		}
		fmt.Fprintf(&b, "%T %v: ", e, e)
	}
	return b.String()
}
