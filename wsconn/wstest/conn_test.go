package wstest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/nettest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

func TestConn(t *testing.T) {
	setups := map[string][]wstest.Option{
		"plain":   nil,
		"small":   {wstest.WithWindow(20)}, // fewer bytes than two messages of the tests, which have 13
		"latency": {wstest.WithLatency(50 * time.Microsecond)},
		"chunks":  {wstest.WithChunks(1), wstest.WithWindow(5000)},
	}
	for name, opts := range setups {
		for _, observed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/observed=%v", name, observed), func(t *testing.T) {
				t.Parallel()
				nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
					a, b := wstest.NetPipe(opts...)
					wrap := func(nc net.Conn) net.Conn {
						c := netpoll.Wrap(nc)
						if observed {
							// Not a recorder's: it would have a span for each 20 bytes of megabytes.
							tracer := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider()))
							ctx := tracer.NewContext(context.Background())
							_, r := trace.Start(ctx, semconv.SpanRead)
							_, w := trace.Start(ctx, semconv.SpanWrite)
							c.TraceRead(r)
							c.TraceWrite(w)
						}
						return c
					}
					return wrap(a), wrap(b), func() { _, _ = a.Close(), b.Close() }, nil
				})
			})
		}
	}
}

func TestResetClosed(t *testing.T) {
	c, _ := wstest.NetPipe()
	_ = c.Close()
	if err := c.Reset(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want %v", err, net.ErrClosed)
	}
}

// An empty write gives the peer nothing to read.
func TestEmptyWrite(t *testing.T) {
	c, peer := wstest.NetPipe()
	_, _ = c.Write(nil)
	_, _ = c.Write([]byte("a"))
	if n, err := peer.Read(make([]byte, 8)); n != 1 || err != nil {
		t.Errorf("got %d, %v, want 1", n, err)
	}
}

// The window is exactly the bytes that were written and not yet read.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for window, fits := range map[int]int{10: 10, 0: 1, -1: 1} {
			c, peer := wstest.NetPipe(wstest.WithWindow(window))
			for _, read := range []int{0, min(3, fits), fits} {
				if n, err := io.ReadFull(peer, make([]byte, read)); n != read || err != nil {
					t.Fatalf("read of %d: got %d, %v", read, n, err)
				}
				fit := fits // the first write fits whole
				if read > 0 {
					fit = read
				}
				_ = c.SetWriteDeadline(time.Now().Add(time.Second))
				if n, err := c.Write(make([]byte, 100)); n != fit || !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("window of %d, write after %d were read: got %d, %v, want %d", window, read, n, err, fit)
				}
			}
		}
		c, _ := wstest.NetPipe()
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		if n, _ := c.Write(make([]byte, 100_000)); n != 65_536 {
			t.Errorf("got a window of %d by default, want 65536", n)
		}
	})
}

// With a latency, bytes, new room and the end each take that long.
func TestLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		start := time.Now()
		at := func(what string, want time.Duration) {
			t.Helper()
			if got := time.Since(start); got != want {
				t.Errorf("%s after %v, want %v", what, got, want)
			}
		}
		c, peer := wstest.NetPipe(wstest.WithWindow(4), wstest.WithLatency(20*ms))
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _ = c.Write([]byte("abcd"))
			at("a write that fits", 0)
			_, _ = c.Write([]byte("e"))
			at("room", 40*ms)
			_ = c.Close()
		})
		buf := make([]byte, 8)
		if n, err := peer.Read(buf); n != 4 || err != nil {
			t.Errorf("got %d, %v, want 4", n, err)
		}
		at("bytes", 20*ms)
		if n, err := peer.Read(buf); n != 1 || err != nil {
			t.Errorf("got %d, %v, want 1", n, err)
		}
		at("more bytes", 60*ms)
		if n, err := peer.Read(buf); n != 0 || err != io.EOF {
			t.Errorf("got %d, %v, want EOF", n, err)
		}
		at("the end", 60*ms)
		_, _ = peer.Write([]byte("a"))
		if _, err := peer.Write([]byte("b")); err != nil {
			t.Errorf("got %v before the reset can have come", err)
		}
		time.Sleep(40 * ms)
		if _, err := peer.Write([]byte("c")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("got %v, want %v", err, syscall.EPIPE)
		}
		wg.Wait()
	})
}

// Bytes that are still in flight when their reader closes reset the connection on arrival.
// That is after the end that the close sent.
func TestCloseBeforeArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		c, peer := wstest.NetPipe(wstest.WithLatency(20 * ms))
		_, _ = c.Write([]byte("abc"))
		time.Sleep(5 * ms)
		_ = peer.Close()
		start := time.Now()
		if _, err := c.Read(make([]byte, 1)); err != io.EOF || time.Since(start) != 20*ms {
			t.Errorf("read: got %v after %v, want EOF after 20ms", err, time.Since(start))
		}
		if _, err := c.Write([]byte("d")); err != nil {
			t.Errorf("write before the reset: got %v", err)
		}
		time.Sleep(15 * ms)
		if _, err := c.Write([]byte("e")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write after the reset: got %v, want %v", err, syscall.EPIPE)
		}
	})
}

func TestStopReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := wstest.NetPipe(wstest.WithWindow(4))
		peer.StopReading()
		var wg sync.WaitGroup
		start := time.Now()
		wg.Go(func() {
			_, _ = c.Write([]byte("abcde"))
			if got := time.Since(start); got != 3*time.Second {
				t.Errorf("wrote after %v, want 3s", got)
			}
		})
		wg.Go(func() {
			if n, err := peer.Read(make([]byte, 8)); n != 4 || err != nil || time.Since(start) != 3*time.Second {
				t.Errorf("read %d, %v after %v, want 4 after 3s", n, err, time.Since(start))
			}
		})
		time.Sleep(3 * time.Second)
		peer.ResumeReading()
		wg.Wait()
		peer.StopReading()
		_ = peer.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := peer.Read(make([]byte, 8)); err == nil {
			t.Error("read while stopped")
		}
	})
}

func TestCutAfter(t *testing.T) {
	for _, n := range []int{0, 3} {
		c, peer := wstest.NetPipe()
		c.CutAfter(n)
		written, err := c.Write([]byte("abcdef"))
		if written != n || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write: got %d, %v, want %d, %v", written, err, n, syscall.ECONNRESET)
		}
		if got, err := io.ReadAll(peer); string(got) != "abcdef"[:n] || err != nil {
			t.Errorf("read: got %q, %v, want %q and EOF", got, err, "abcdef"[:n])
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read at this end: got %v, want %v", err, syscall.ECONNRESET)
		}
		_, _ = peer.Write([]byte("a"))
		if _, err := peer.Write([]byte("b")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write at the other end: got %v, want %v", err, syscall.EPIPE)
		}
	}
}

// The seed decides the sizes of chunks: the same seed gives the same sizes, another one
// gives others.
func TestChunks(t *testing.T) {
	data := make([]byte, 20_000)
	for i := range data {
		data[i] = byte(rand.Int())
	}
	sizes := func(seed uint64) (all []int) {
		c, peer := wstest.NetPipe(wstest.WithChunks(seed))
		_, _ = c.Write(data)
		_ = c.Close()
		var got []byte
		buf := make([]byte, 4096)
		for {
			n, err := peer.Read(buf)
			if err != nil {
				break
			}
			all = append(all, n)
			got = append(got, buf[:n]...)
		}
		if !slices.Equal(got, data) {
			t.Error("other bytes came out")
		}
		return all
	}
	one := sizes(1)
	if again := sizes(1); !slices.Equal(one, again) {
		t.Errorf("got %v, then %v", one, again)
	}
	if slices.Equal(one, sizes(2)) {
		t.Error("another seed, the same sizes")
	}
	if slices.Min(one) > 4 || slices.Max(one) < 50 || slices.Max(one) > 1024 {
		t.Errorf("got sizes from %d to %d, want small and large ones to 1024", slices.Min(one), slices.Max(one))
	}
}

// Concurrent writes do not mix.
func TestWriteConcurrentSafe(t *testing.T) {
	c, peer := wstest.NetPipe(wstest.WithWindow(7))
	var wg sync.WaitGroup
	for _, b := range []byte("abc") {
		wg.Go(func() {
			for range 50 {
				if _, err := c.Write(slices.Repeat([]byte{b}, 20)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 150 {
		p := make([]byte, 20)
		if _, err := io.ReadFull(peer, p); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p, slices.Repeat(p[:1], 20)) {
			t.Fatalf("got %s, a mixture", p)
		}
	}
	wg.Wait()
}
