package netpoll_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

func TestConn(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "pipe", "timed"} {
		for _, observed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/observed=%v", network, observed), func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					a, b, err := connect(network, dir)
					if err != nil {
						return nil, nil, nil, err
					}
					wrap := func(nc net.Conn) net.Conn {
						c := netpoll.Wrap(nc)
						if observed {
							ctx, _ := record(t)
							read, write := start(ctx, c, trace.ReasonNetRead), start(ctx, c, trace.ReasonNetWrite)
							t.Cleanup(func() { read.End(nil); write.End(nil) })
						}
						return c
					}
					return wrap(a), wrap(b), func() { _, _ = a.Close(), b.Close() }, nil
				})
			})
		}
	}
}

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
				for _, observed := range []bool{true, false} {
					nc, peer := pair(t, network)
					c := netpoll.Wrap(nc)
					if observed {
						ctx, _ := record(t)
						read, write := start(ctx, c, trace.ReasonNetRead), start(ctx, c, trace.ReasonNetWrite)
						t.Cleanup(func() { read.End(nil); write.End(nil) })
					}
					n, err := tt.do(t, c, peer)
					if got := fmt.Sprintf("%d, %s", n, describe(err, nc)); got != want {
						t.Errorf("observed=%v:\ngot  %s\nwant %s", observed, got, want)
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

// However many writers there are, observed or not, each Write is in one piece.
func TestConnWritesDoNotMix(t *testing.T) {
	const size, writers = 1 << 20, 3
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, _ := record(t)
			var wg sync.WaitGroup
			for i := range byte(writers) {
				if i == 1 {
					c.ObserveWrite(nil)
				} else {
					defer start(ctx, c, trace.ReasonNetWrite).End(nil)
				}
				wg.Go(func() {
					if n, err := c.Write(bytes.Repeat([]byte{i}, size)); n != size || err != nil {
						t.Errorf("Write: got %d, %v, want %d, nil", n, err, size)
					}
				})
			}
			got := make([]byte, writers*size)
			if _, err := io.ReadFull(peer, got); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			for i := range writers {
				piece := got[i*size : (i+1)*size]
				if !bytes.Equal(piece, bytes.Repeat(piece[:1], size)) {
					t.Errorf("piece %d is mixed", i)
				}
			}
		})
	}
}

// Large messages arrive whole, through buffers that hold little of them, in
// both directions at once, with every read and write observed.
func TestConnLargeWrites(t *testing.T) {
	const size = 8 << 20
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	want := sha256.Sum256(data)
	for _, network := range []string{"tcp", "unix", "pipe", "timed"} {
		t.Run(network, func(t *testing.T) {
			a, b := pair(t, network)
			ctx, rec := record(t)
			var wg sync.WaitGroup
			var ops []*trace.Op
			for _, nc := range []net.Conn{a, b} {
				c := netpoll.Wrap(nc)
				read, write := start(ctx, c, trace.ReasonNetRead), start(ctx, c, trace.ReasonNetWrite)
				ops = append(ops, read, write)
				wg.Go(func() {
					n, err := c.Write(data)
					if n != size || err != nil {
						t.Errorf("Write: got %d, %v, want %d, nil", n, err, size)
					}
					write.End(err)
				})
				wg.Go(func() {
					h := sha256.New()
					n, err := io.CopyN(h, c, size)
					if n != size || err != nil {
						t.Errorf("Read: got %d, %v, want %d, nil", n, err, size)
					}
					if got := [32]byte(h.Sum(nil)); got != want {
						t.Error("other bytes arrived than were written")
					}
					read.End(err)
				})
			}
			wg.Wait()
			for _, op := range ops {
				_, _ = spanOf(t, rec, op)
			}
		})
	}
}

func TestConnReadFrom(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "pipe", "timed"} {
		t.Run(network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			op := start(ctx, c, trace.ReasonNetWrite)
			text := strings.Repeat("wakechain ", 100_000)
			w := begin(func() (int, error) {
				n, err := c.ReadFrom(strings.NewReader(text))
				_ = c.Close()
				return int(n), err
			})
			got, err := io.ReadAll(peer)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := w.wait(); n != len(text) || err != nil {
				t.Errorf("got %d, %v, want %d, nil", n, err, len(text))
			}
			if string(got) != text {
				t.Error("other bytes arrived than were copied")
			}
			op.End(nil)
			wantEdges(t, rec, op, `write`)
		})
	}
}

// A call in progress keeps the observer it began with.
func TestConnObserve(t *testing.T) {
	for _, network := range []string{"tcp", "unix", "pipe", "timed"} {
		t.Run(network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			first := start(ctx, c, trace.ReasonNetRead)
			r := begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, parkState(network))
			long(t)
			second := start(ctx, c, trace.ReasonNetRead)
			_, _ = peer.Write([]byte("a"))
			_, _ = r.wait()
			first.End(nil)
			c.ObserveRead(nil)
			r = begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, parkState(network))
			long(t)
			_, _ = peer.Write([]byte("a"))
			_, _ = r.wait()
			second.End(nil)
			source := "poll"
			if network == "pipe" || network == "timed" {
				source = "timed"
			}
			wantEdges(t, rec, first, `
				read
					block {reason=net.read, source=`+source+`}
					wake {reason=readable}
			`)
			wantEdges(t, rec, second, `read`)
		})
	}
}

// long lets so much time pass that a call that is timed counts as blocked.
func long(t *testing.T) {
	t.Helper()
	begun := time.Now()
	until(t, "1ms", func() bool { return time.Since(begun) > time.Millisecond })
}

// An observed call that does not park allocates nothing.
func TestConnAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	for _, network := range []string{"tcp", "unix"} {
		nc, peer := pair(t, network)
		c, d := netpoll.Wrap(nc), netpoll.Wrap(peer)
		ctx, rec := record(t)
		write, read := start(ctx, c, trace.ReasonNetWrite), start(ctx, d, trace.ReasonNetRead)
		p := make([]byte, 16)
		got := testing.AllocsPerRun(1000, func() {
			_, _ = c.Write(p)
			_, _ = d.Read(p)
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations, want 0", network, got)
		}
		write.End(nil)
		read.End(nil)
		wantEdges(t, rec, write, `write`)
	}
}

func TestWrap(t *testing.T) {
	nc, _ := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	if got := netpoll.Wrap(c); got != c {
		t.Error("a Conn: got another, want the same")
	}
	if got := c.NetConn(); got != nc {
		t.Errorf("NetConn: got %v, want %v", got, nc)
	}
}

func TestBelow(t *testing.T) {
	nc, _ := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	tests := []struct {
		name string
		nc   net.Conn
		want *netpoll.Conn
	}{
		{"a Conn", c, c},
		{"below TLS", tls.Client(c, &tls.Config{}), c},
		{"below two layers", above{tls.Client(c, &tls.Config{})}, c},
		{"none", nc, nil},
		{"none below TLS", tls.Client(nc, &tls.Config{}), nil},
		{"nil", nil, nil},
		{"above nil", above{nil}, nil},
	}
	for _, tt := range tests {
		if got := netpoll.Below(tt.nc); got != tt.want {
			t.Errorf("%s: got %p, want %p", tt.name, got, tt.want)
		}
	}
}

type above struct{ net.Conn }

func (a above) NetConn() net.Conn { return a.Conn }

// What the wrapped conn cannot is unsupported, even where it has no address.
func TestConnUnsupported(t *testing.T) {
	c := netpoll.Wrap(struct{ net.Conn }{})
	_, err := c.SyscallConn()
	for name, err := range map[string]error{
		"close_read":   c.CloseRead(),
		"close_write":  c.CloseWrite(),
		"syscall_conn": err,
	} {
		if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want %v", name, err, errors.ErrUnsupported)
		}
	}
	nc, _ := pair(t, "tcp")
	raw, err := netpoll.Wrap(nc).SyscallConn()
	if raw == nil || err != nil {
		t.Errorf("SyscallConn: got %v, %v", raw, err)
	}
}
