package netpoll_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
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
							ctx, rec := record(t)
							read, write := start(ctx, c, semconv.ReasonNetRead), start(ctx, c, semconv.ReasonNetWrite)
							t.Cleanup(func() {
								read.End(nil)
								write.End(nil)
								// A goroutine that the test left may be in a span processor.
								ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
								defer cancel()
								_ = rec.WaitEnded(ctx)
							})
						}
						return c
					}
					return wrap(a), wrap(b), func() { _, _ = a.Close(), b.Close() }, nil
				})
			})
		}
	}
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
					c.TraceWrite(trace.Op{})
				} else {
					defer start(ctx, c, semconv.ReasonNetWrite).End(nil)
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
			var ops []trace.Op
			for _, nc := range []net.Conn{a, b} {
				c := netpoll.Wrap(nc)
				read, write := start(ctx, c, semconv.ReasonNetRead), start(ctx, c, semconv.ReasonNetWrite)
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
			op := start(ctx, c, semconv.ReasonNetWrite)
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
			first := start(ctx, c, semconv.ReasonNetRead)
			r := begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, parkState(network))
			long(t)
			second := start(ctx, c, semconv.ReasonNetRead)
			_, _ = peer.Write([]byte("a"))
			_, _ = r.wait()
			first.End(nil)
			c.TraceRead(trace.Op{})
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
		write, read := start(ctx, c, semconv.ReasonNetWrite), start(ctx, d, semconv.ReasonNetRead)
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
