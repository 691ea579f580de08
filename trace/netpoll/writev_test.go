package netpoll_test

import (
	"bytes"
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

// buffers are n buffers that hold data between them, with empty ones among them.
func buffers(data []byte, n int) net.Buffers {
	v := net.Buffers{nil}
	for i := range n {
		v = append(v, data[i*len(data)/n:(i+1)*len(data)/n])
		if i%3 == 0 {
			v = append(v, []byte{})
		}
	}
	return v
}

// WriteBuffers returns, writes and consumes the same as WriteTo with the bare conn.
func TestWriteBuffersAsBare(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	big := make([]byte, 8<<20)
	for i := range big {
		big[i] = byte(i * i >> 9)
	}
	type write func(*net.Buffers) (int64, error)
	stall := func(t *testing.T, w write, v *net.Buffers) *call {
		return begin(func() (int, error) { n, err := w(v); return min(int(n), 1), err }).parked(t, "IO wait")
	}
	tests := []struct {
		name string
		v    func() net.Buffers
		do   func(t *testing.T, c, peer net.Conn, w write, v *net.Buffers) (int, error)
		is   error
	}{
		{"whole", func() net.Buffers { return buffers(big[:1000], 7) }, func(_ *testing.T, _, _ net.Conn, w write, v *net.Buffers) (int, error) {
			n, err := w(v)
			return int(n), err
		}, nil},
		{"more than one call takes", func() net.Buffers { return buffers(big[:9000], 3000) }, func(_ *testing.T, _, _ net.Conn, w write, v *net.Buffers) (int, error) {
			n, err := w(v)
			return int(n), err
		}, nil},
		{"nothing", func() net.Buffers { return net.Buffers{nil, {}} }, func(_ *testing.T, _, _ net.Conn, w write, v *net.Buffers) (int, error) {
			n, err := w(v)
			return int(n), err
		}, nil},
		{"after parks", func() net.Buffers { return buffers(big, 5) }, func(t *testing.T, _, peer net.Conn, w write, v *net.Buffers) (int, error) {
			p := begin(func() (int, error) { n, err := w(v); return int(n), err }).parked(t, "IO wait")
			got := make([]byte, len(big))
			if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, big) {
				t.Errorf("other bytes came than were written, or %v", err)
			}
			return p.wait()
		}, nil},
		{"deadline", func() net.Buffers { return buffers(big[:10], 2) }, func(_ *testing.T, c, _ net.Conn, w write, v *net.Buffers) (int, error) {
			_ = c.SetWriteDeadline(past)
			n, err := w(v)
			return int(n), err
		}, os.ErrDeadlineExceeded},
		{"parked, deadline", func() net.Buffers { return buffers(big, 2) }, func(t *testing.T, c, _ net.Conn, w write, v *net.Buffers) (int, error) {
			p := stall(t, w, v)
			_ = c.SetWriteDeadline(past)
			return p.wait()
		}, os.ErrDeadlineExceeded},
		{"closed", func() net.Buffers { return buffers(big[:10], 2) }, func(_ *testing.T, c, _ net.Conn, w write, v *net.Buffers) (int, error) {
			_ = c.Close()
			n, err := w(v)
			return int(n), err
		}, net.ErrClosed},
		{"parked, closed", func() net.Buffers { return buffers(big, 2) }, func(t *testing.T, c, _ net.Conn, w write, v *net.Buffers) (int, error) {
			p := stall(t, w, v)
			_ = c.Close()
			return p.wait()
		}, net.ErrClosed},
		{"half-close", func() net.Buffers { return buffers(big[:10], 2) }, func(_ *testing.T, c, _ net.Conn, w write, v *net.Buffers) (int, error) {
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			n, err := w(v)
			return int(n), err
		}, syscall.EPIPE},
	}
	for _, network := range []string{"tcp", "unix"} {
		for _, tt := range tests {
			t.Run(network+"/"+tt.name, func(t *testing.T) {
				c, peer := pair(t, network)
				left := tt.v()
				n, err := tt.do(t, c, peer, func(v *net.Buffers) (int64, error) { return v.WriteTo(c) }, &left)
				if !errors.Is(err, tt.is) {
					t.Errorf("bare: got %v, want %v", err, tt.is)
				}
				want := fmt.Sprintf("%d, %d left, %s", n, len(left), describe(err, c))
				for _, observed := range []bool{true, false} {
					nc, peer := pair(t, network)
					c := netpoll.Wrap(nc)
					if observed {
						ctx, _ := record(t)
						op := start(ctx, c, semconv.ReasonNetWrite)
						t.Cleanup(func() { op.End(nil) })
					}
					left := tt.v()
					n, err := tt.do(t, c, peer, c.WriteBuffers, &left)
					if got := fmt.Sprintf("%d, %d left, %s", n, len(left), describe(err, nc)); got != want {
						t.Errorf("observed=%v:\ngot  %s\nwant %s", observed, got, want)
					}
				}
			})
		}
	}
}

// WriteBuffers reports its parks as Write does, on every kind of conn.
func TestWriteBuffersBlocks(t *testing.T) {
	for network, source := range map[string]string{"tcp": "poll", "unix": "poll", "pipe": "timed", "timed": "timed"} {
		t.Run(network, func(t *testing.T) {
			nc, _ := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			op := start(ctx, c, semconv.ReasonNetWrite)
			const size = 4 << 20
			v := buffers(make([]byte, size), 2)
			w := begin(func() (int, error) { n, err := c.WriteBuffers(&v); return int(n), err })
			w.parked(t, parkState(network))
			settled(t, w, nc)
			long(t)
			_ = c.Close()
			n, err := w.wait()
			op.End(err)
			if n >= size || err == nil {
				t.Errorf("got %d, %v, want less than %d and an error", n, err, size)
			}
			_, span := spanOf(t, rec, op)
			block := "\n\tblock {reason=net.write, source=" + source + "}"
			before := max(len(span.Children)/2-1, 0) // it may have parked before, while the kernel took what it could
			if network != "tcp" {
				before = 0
			}
			wantEdges(t, rec, op, "write {status=error}"+strings.Repeat(block+"\n\twake {reason=writable}", before)+block+"\n\twake {reason=closed}")
		})
	}
}

// With a Reporter, each buffer is one write of the operation.
func TestWriteBuffersReporter(t *testing.T) {
	r := new(reporter)
	c := netpoll.Wrap(r)
	ctx, _ := record(t)
	op := start(ctx, c, semconv.ReasonNetWrite)
	defer op.End(nil)
	v := net.Buffers{[]byte("a"), []byte("b")}
	n, err := c.WriteBuffers(&v)
	if got := strings.Join(r.calls, " "); n != 4 || !errors.Is(err, errReporter) || got != "WriteFor" {
		t.Errorf("got %d, %v of %s; want 4, %v of WriteFor", n, err, got, errReporter)
	}
}

// A WriteBuffers that does not park allocates nothing.
func TestWriteBuffersAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	for _, network := range []string{"tcp", "unix"} {
		for _, observed := range []bool{true, false} {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			if observed {
				ctx, _ := record(t)
				defer start(ctx, c, semconv.ReasonNetWrite).End(nil)
			}
			p, q := make([]byte, 16), make([]byte, 32)
			two := make(net.Buffers, 2)
			v := new(net.Buffers)
			got := testing.AllocsPerRun(1000, func() {
				two[0], two[1] = p, p
				*v = two
				_, _ = c.WriteBuffers(v)
				_, _ = io.ReadFull(peer, q)
			})
			if got != 0 {
				t.Errorf("%s, observed=%v: got %v allocations, want 0", network, observed, got)
			}
		}
	}
}
