package netpoll_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// What a wrapped conn returns is what the bare one returns in the same
// situation: the same numbers, and errors of the same types and texts.
func TestConnAsBare(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	big := make([]byte, 8<<20)
	read := func(c net.Conn) (int, error) { return c.Read(make([]byte, 8)) }
	write := func(c net.Conn) (int, error) { return c.Write([]byte("abc")) }
	stall := func(t *testing.T, c net.Conn) *call {
		return begin(func() (int, error) { _, err := c.Write(big); return 0, err }).parked(t, "IO wait")
	}
	reset := func(c net.Conn) {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
	closeWrite := func(c net.Conn) { _ = c.(interface{ CloseWrite() error }).CloseWrite() }
	tests := []struct {
		name string
		do   func(t *testing.T, c, peer net.Conn) (int, error)
		is   error // what errors.Is finds in both
	}{
		{"read", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_, _ = peer.Write([]byte("abc"))
			return read(c)
		}, nil},
		{"short read", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_, _ = peer.Write([]byte("abc"))
			return c.Read(make([]byte, 2))
		}, nil},
		{"read after a park", func(t *testing.T, c, peer net.Conn) (int, error) {
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			_, _ = peer.Write([]byte("abc"))
			return r.wait()
		}, nil},
		{"write", func(_ *testing.T, c, _ net.Conn) (int, error) { return write(c) }, nil},
		{"write after parks", func(t *testing.T, c, peer net.Conn) (int, error) {
			w := begin(func() (int, error) { return c.Write(big) }).parked(t, "IO wait")
			_, err := io.CopyN(io.Discard, peer, int64(len(big)))
			if err != nil {
				t.Error(err)
			}
			return w.wait()
		}, nil},
		{"empty read", func(_ *testing.T, c, _ net.Conn) (int, error) { return c.Read(nil) }, nil},
		{"empty write", func(_ *testing.T, c, _ net.Conn) (int, error) { return c.Write(nil) }, nil},
		{"empty read at the end", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_ = peer.Close()
			return c.Read(nil)
		}, nil},
		{"empty read, closed", func(_ *testing.T, c, _ net.Conn) (int, error) {
			_ = c.Close()
			return c.Read(nil)
		}, net.ErrClosed},
		{"empty write, closed", func(_ *testing.T, c, _ net.Conn) (int, error) {
			_ = c.Close()
			return c.Write(nil)
		}, net.ErrClosed},
		{"empty read, deadline", func(_ *testing.T, c, _ net.Conn) (int, error) {
			_ = c.SetDeadline(past)
			return c.Read(nil)
		}, nil},
		{"empty write, deadline", func(_ *testing.T, c, _ net.Conn) (int, error) {
			_ = c.SetDeadline(past)
			return c.Write(nil)
		}, os.ErrDeadlineExceeded},
		{"read, deadline", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_, _ = peer.Write([]byte("abc"))
			_ = c.SetReadDeadline(past)
			return read(c)
		}, os.ErrDeadlineExceeded},
		{"write, deadline", func(_ *testing.T, c, _ net.Conn) (int, error) {
			_ = c.SetWriteDeadline(past)
			return write(c)
		}, os.ErrDeadlineExceeded},
		{"parked in read, deadline", func(t *testing.T, c, _ net.Conn) (int, error) {
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			_ = c.SetReadDeadline(past)
			return r.wait()
		}, os.ErrDeadlineExceeded},
		{"parked in write, deadline", func(t *testing.T, c, _ net.Conn) (int, error) {
			w := stall(t, c)
			_ = c.SetWriteDeadline(past)
			return w.wait()
		}, os.ErrDeadlineExceeded},
		{"read, deadline taken back", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_ = c.SetDeadline(past)
			_, _ = read(c)
			_ = c.SetDeadline(time.Time{})
			_, _ = peer.Write([]byte("abc"))
			return read(c)
		}, nil},
		{"read, closed", func(_ *testing.T, c, _ net.Conn) (int, error) { _ = c.Close(); return read(c) }, net.ErrClosed},
		{"write, closed", func(_ *testing.T, c, _ net.Conn) (int, error) { _ = c.Close(); return write(c) }, net.ErrClosed},
		{"parked in read, closed", func(t *testing.T, c, _ net.Conn) (int, error) {
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			_ = c.Close()
			return r.wait()
		}, net.ErrClosed},
		{"parked in write, closed", func(t *testing.T, c, _ net.Conn) (int, error) {
			w := stall(t, c)
			_ = c.Close()
			return w.wait()
		}, net.ErrClosed},
		{"close twice", func(_ *testing.T, c, _ net.Conn) (int, error) { _ = c.Close(); return 0, c.Close() }, net.ErrClosed},
		{"EOF", func(_ *testing.T, c, peer net.Conn) (int, error) { _ = peer.Close(); return read(c) }, io.EOF},
		{"rest, then EOF", func(t *testing.T, c, peer net.Conn) (int, error) {
			_, _ = peer.Write([]byte("abc"))
			_ = peer.Close()
			if n, err := read(c); n != 3 || err != nil {
				t.Errorf("rest: got %d, %v, want 3, nil", n, err)
			}
			return read(c)
		}, io.EOF},
		{"parked in read, EOF", func(t *testing.T, c, peer net.Conn) (int, error) {
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			_ = peer.Close()
			return r.wait()
		}, io.EOF},
		{"peer's half-close, read", func(_ *testing.T, c, peer net.Conn) (int, error) { closeWrite(peer); return read(c) }, io.EOF},
		{"peer's half-close, write", func(_ *testing.T, c, peer net.Conn) (int, error) { closeWrite(peer); return write(c) }, nil},
		{"half-close, read", func(_ *testing.T, c, peer net.Conn) (int, error) {
			closeWrite(c)
			_, _ = peer.Write([]byte("abc"))
			return read(c)
		}, nil},
		{"half-close, write", func(_ *testing.T, c, _ net.Conn) (int, error) { closeWrite(c); return write(c) }, syscall.EPIPE},
		{"parked in write, half-close", func(t *testing.T, c, _ net.Conn) (int, error) {
			w := stall(t, c)
			closeWrite(c)
			if c.LocalAddr().Network() == "unix" { // where a shutdown wakes nobody
				_ = c.SetWriteDeadline(past)
			}
			_, err := w.wait()
			if err == nil {
				t.Error("a write into a closed half: got nil")
			}
			_ = c.SetWriteDeadline(time.Time{})
			return write(c)
		}, syscall.EPIPE},
		{"parked in read, reading closed", func(t *testing.T, c, _ net.Conn) (int, error) {
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			_ = c.(interface{ CloseRead() error }).CloseRead()
			return r.wait()
		}, io.EOF},
		{"reset, read", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_, _ = write(c) // unread by the peer, which resets a unix socket too
			reset(peer)
			return read(c)
		}, syscall.ECONNRESET},
		{"parked in read, reset", func(t *testing.T, c, peer net.Conn) (int, error) {
			_, _ = write(c)
			r := begin(func() (int, error) { return read(c) }).parked(t, "IO wait")
			reset(peer)
			return r.wait()
		}, syscall.ECONNRESET},
		{"parked in write, reset", func(t *testing.T, c, peer net.Conn) (int, error) {
			w := stall(t, c)
			reset(peer)
			return w.wait()
		}, nil},
		{"reset, write after read", func(_ *testing.T, c, peer net.Conn) (int, error) {
			_, _ = write(c)
			reset(peer)
			_, _ = read(c)
			return write(c)
		}, syscall.EPIPE},
	}
	for _, network := range []string{"tcp", "tcp4", "unix"} {
		for _, tt := range tests {
			t.Run(network+"/"+tt.name, func(t *testing.T) {
				c, peer := pair(t, network)
				n, err := tt.do(t, c, peer)
				want := fmt.Sprintf("%d, %s", n, describe(err, c))
				if tt.is != nil && !errors.Is(err, tt.is) {
					t.Errorf("bare: got %v, want %v", err, tt.is)
				}
				for _, observed := range []string{"by an operation", "by a Timer", "by nobody"} {
					nc, peer := pair(t, network)
					c := netpoll.Wrap(nc)
					switch observed {
					case "by a Timer":
						c.TimeRead(new(blocks))
					case "by an operation":
						ctx, _ := record(t)
						read, write := start(ctx, c, semconv.ReasonNetRead), start(ctx, c, semconv.ReasonNetWrite)
						t.Cleanup(func() { read.End(nil); write.End(nil) })
					}
					n, err := tt.do(t, c, peer)
					if got := fmt.Sprintf("%d, %s", n, describe(err, nc)); got != want {
						t.Errorf("observed %s:\ngot  %s\nwant %s", observed, got, want)
					}
				}
			})
		}
	}
}

// describe is all that a caller can see of an error, with the conn's own
// addresses by name.
func describe(err error, nc net.Conn) string {
	var b strings.Builder
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := strings.ReplaceAll(e.Error(), nc.LocalAddr().String()+"->"+nc.RemoteAddr().String(), "LOCAL->REMOTE")
		text = strings.ReplaceAll(text, nc.LocalAddr().String(), "LOCAL")
		text = strings.ReplaceAll(text, nc.RemoteAddr().String(), "REMOTE")
		fmt.Fprintf(&b, "%T %q ", e, text)
		if ne, ok := e.(net.Error); ok {
			fmt.Fprintf(&b, "timeout=%v ", ne.Timeout())
		}
		if oe, ok := e.(*net.OpError); ok {
			fmt.Fprintf(&b, "op=%s net=%s own=%v,%v ", oe.Op, oe.Net, oe.Source == nc.LocalAddr(), oe.Addr == nc.RemoteAddr())
		}
	}
	return b.String()
}
