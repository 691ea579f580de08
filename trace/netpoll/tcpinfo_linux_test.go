package netpoll_test

import (
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/sys/unix"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// kernel asks the kernel about a connection, as the package under test does.
func kernel(t *testing.T, nc net.Conn) (info unix.TCPInfo) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		got, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Error(err)
			return
		}
		info = *got
	})
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// stall waits until a write is in a block in which the peer's window was closed
// for d, by the kernel's count. It returns the index that the block will have
// among the operation's spans.
func stall(t *testing.T, w *call, rec *tracetest.Recorder, op trace.Op, nc net.Conn, d time.Duration) int {
	t.Helper()
	for {
		settled(t, w, nc)
		n, at := len(children(rec, op)), kernel(t, nc).Rwnd_limited
		until(t, "the peer's window is closed", func() bool { return limited(kernel(t, nc), at) > d })
		if len(children(rec, op)) == n { // no block ended meanwhile
			return (n + 1) / 2 * 2 // a wake is recorded with the block after it
		}
	}
}

// settled waits until a write on TCP is parked until the peer reads. Before, the kernel
// may wake it: when an acknowledgement comes, 40 ms late, or when a retransmission timeout,
// 200 ms, is over, and what is left of the peer's window is filled.
func settled(t *testing.T, w *call, nc net.Conn) {
	t.Helper()
	if _, ok := nc.(*net.TCPConn); ok {
		at := kernel(t, nc).Rwnd_limited
		until(t, "the peer's window is full", func() bool {
			k := kernel(t, nc)
			return k.Snd_wnd == 0 && k.Notsent_bytes > 0 || limited(k, at) > time.Second // the peer may take no more
		})
		at = kernel(t, nc).Rwnd_limited
		until(t, "the write is parked", func() bool { return limited(kernel(t, nc), at) > 20*time.Millisecond })
		w.parked(t, "IO wait")
	}
}

// limited is for how long the peer's window has been in the way since at.
func limited(k unix.TCPInfo, at uint64) time.Duration {
	return time.Duration(k.Rwnd_limited-at) * time.Microsecond
}

// children are the spans below an operation that may not have ended.
func children(rec *tracetest.Recorder, op trace.Op) []*chain.Span {
	return rec.Chain().Lookup(identity(op).TraceID(), identity(op).SpanID()).Children
}

// A sender stays blocked because the peer does not read, and wakes when the peer reads.
func TestEvidence(t *testing.T) {
	nc, peer := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetWrite)
	data := make([]byte, 4<<20)
	_, _ = c.Write(data[:100]) // counts as written before
	const closed = 150 * time.Millisecond
	begun := time.Now()
	w := begin(func() (int, error) { return c.Write(data) })
	i := stall(t, w, rec, op, nc, closed)
	if _, err := io.CopyN(io.Discard, peer, int64(100+len(data))); err != nil {
		t.Fatal(err)
	}
	if n, err := w.wait(); n != len(data) || err != nil {
		t.Errorf("Write: got %d, %v, want %d, nil", n, err, len(data))
	}
	took := time.Since(begun)
	op.End(nil)

	spans, span := spanOf(t, rec, op)
	block, wake := span.Children[i], span.Children[i+1]
	wantAll(t, spans, block, "block {block.reason, block.source, block.cause=peer_window, "+parkKeys+", "+wakeKeys+"}")
	wantAll(t, spans, wake, "wake {wake.reason=peer_read}")
	const jiffy = 10 * time.Millisecond // of the kernel's clock
	if blocked := block.Duration(); blocked < closed-jiffy || blocked > took {
		t.Errorf("blocked for %v, want %v at least and %v at most", blocked, closed, took)
	}
	// No part of the block: the writer may get its processor long after the window has opened.
	if got := block.Float(semconv.TCPRwndLimitedKey); got < closed.Seconds() || got > (took+jiffy).Seconds() {
		t.Errorf("tcp.rwnd_limited: got %vs, want %v at least and %v at most", got, closed, took)
	}
	if w, q := block.Int(semconv.TCPWrittenKey), block.Int(semconv.TCPSendQueueKey); w <= 100 || w >= int64(len(data)) || q <= 0 || q > w {
		t.Errorf("got tcp.written=%d, tcp.send_queue=%d of %d bytes", w, q, len(data))
	}
}

// The evidence of a block of a write, as the lines of trees have it.
const (
	parkKeys = "tcp.written, tcp.send_queue, tcp.notsent, tcp.send_memory, tcp.send_buffer, tcp.unacked, tcp.peer_window, tcp.rtt" // read at the park
	wakeKeys = "tcp.busy, tcp.rwnd_limited, tcp.sndbuf_limited, tcp.retransmits, tcp.cwnd, tcp.ca_state"
)

// wantAll compares a span and all its attributes.
func wantAll(t *testing.T, c *chain.Chain, s *chain.Span, want string) {
	t.Helper()
	tracetest.AssertTree(t, c, want, tracetest.Below(s), tracetest.Exact())
}

// A write that fails while it is parked has evidence, too.
func TestEvidenceOfUnfinishedWrites(t *testing.T) {
	tests := []struct {
		name  string
		end   func(c *netpoll.Conn, nc net.Conn)
		awake bool // the kernel could be asked at the end
	}{
		{"deadline", func(c *netpoll.Conn, _ net.Conn) { _ = c.SetWriteDeadline(time.Now()) }, true},
		{"Close", func(c *netpoll.Conn, _ net.Conn) { _ = c.Close() }, true},
		{"Close of the wrapped conn", func(_ *netpoll.Conn, nc net.Conn) { _ = nc.Close() }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			nc, _ := pair(t, "tcp")
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			op := start(ctx, c, semconv.ReasonNetWrite)
			w := begin(func() (int, error) { return c.Write(make([]byte, 4<<20)) })
			i := stall(t, w, rec, op, nc, 50*time.Millisecond)
			tt.end(c, nc)
			_, err := w.wait()
			op.End(err)
			spans, span := spanOf(t, rec, op)
			keys := "block.cause=peer_window, " + parkKeys + ", " + wakeKeys
			if !tt.awake {
				keys = "block.cause=unknown, " + parkKeys
			}
			wantAll(t, spans, span.Children[i], "block {block.reason, block.source, "+keys+"}")
		})
	}
}

// Many small writes fill the send buffer with bookkeeping while the peer does not
// read at all. The kernel may call that neither the network nor, as long as its
// window is open, the peer; so the block says what filled the buffer.
func TestEvidenceOfSmallWrites(t *testing.T) {
	nc, _ := pair(t, "tcp")
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		// As the default of most systems; BBR paces.
		err = errors.Join(unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno"),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10)) // which the kernel doubles
	}); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetWrite)
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	for err = nil; err == nil; {
		_, err = c.Write([]byte("thirteen byte"))
	}
	op.End(nil)

	small := 0
	for _, b := range rec.Chain().Named(semconv.SpanBlock) {
		cause := semconv.Cause(b.Str(semconv.BlockCauseKey))
		if cause == semconv.CauseNetwork {
			t.Errorf("got a block by the network on loopback: %v", b.Attributes)
		}
		memory, most := b.Int(semconv.TCPSendMemoryKey), b.Int(semconv.TCPSendBufferKey)
		if most != 32<<10 {
			t.Errorf("got tcp.send_buffer=%d, want 32768", most)
		}
		// Not of each block: acknowledgements may come before the kernel is asked.
		if b.Int(semconv.TCPUnackedKey) > 10 && memory > most/2 && 10*b.Int(semconv.TCPSendQueueKey) < memory {
			small++
		}
	}
	if small == 0 {
		t.Errorf("got no block of many small segments:\n%s", rec.Chain())
	}
}

// A FIN wakes no write. The reset after it does, which the kernel reports as EPIPE.
func TestWakeByResetAfterFIN(t *testing.T) {
	nc, peer := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetWrite)
	w := begin(func() (int, error) { return c.Write(make([]byte, 4<<20)) })
	stall(t, w, rec, op, nc, 50*time.Millisecond)
	if err := peer.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	const closeWait = 8 // TCP_CLOSE_WAIT
	until(t, "the FIN is there", func() bool { return kernel(t, nc).State == closeWait })
	blocks := len(children(rec, op))
	w.parked(t, "IO wait")
	if got := len(children(rec, op)); got != blocks {
		t.Errorf("got %d spans after the FIN, want %d: it wakes nothing", got, blocks)
	}
	_ = peer.Close() // with what it has not read
	_, err := w.wait()
	if !errors.Is(err, unix.EPIPE) {
		t.Errorf("got %v, want %v", err, unix.EPIPE)
	}
	op.End(err)
	_, span := spanOf(t, rec, op)
	wake := span.Children[len(span.Children)-1]
	if got := wake.Str(semconv.WakeReasonKey); got != string(semconv.WakePeerReset) {
		t.Errorf("got wake.reason %q, want %q", got, semconv.WakePeerReset)
	}
	if got := span.Str(semconv.ErrorTypeKey); got != semconv.ErrorBrokenPipe {
		t.Errorf("got error.type %q, want %q", got, semconv.ErrorBrokenPipe)
	}

	op = start(ctx, c, semconv.ReasonNetWrite)
	if _, err := c.Write([]byte("a")); !errors.Is(err, unix.EPIPE) {
		t.Errorf("got %v, want %v", err, unix.EPIPE)
	}
	op.End(nil)
	if _, span := spanOf(t, rec, op); len(span.Children) > 0 {
		t.Errorf("got %d spans of a write that did not park", len(span.Children))
	}
}

// A read that took long has the kernel's evidence about what was sent before it.
func TestEvidenceOfReads(t *testing.T) {
	nc, peer := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetRead)
	r := begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, "IO wait")
	begun := time.Now()
	until(t, "20ms", func() bool { return time.Since(begun) > 20*time.Millisecond })
	_, _ = peer.Write([]byte("a"))
	_, _ = r.wait()
	op.End(nil)
	spans, span := spanOf(t, rec, op)
	wantAll(t, spans, span.Children[0], `block {block.reason, block.source, tcp.send_queue, tcp.unacked, tcp.rtt}`)
}

// Only a TCP connection has evidence, and only for a block that becomes a span.
func TestNoEvidence(t *testing.T) {
	evidence := tracetest.Matching("{tcp.*}, {block.cause}", func(s *chain.Span) bool {
		return slices.ContainsFunc(s.Attributes, func(a attribute.KeyValue) bool {
			return strings.HasPrefix(string(a.Key), "tcp.") || a.Key == semconv.BlockCauseKey
		})
	})
	for _, network := range []string{"unix", "pipe", "timed"} {
		t.Run("write "+network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			op := start(ctx, c, semconv.ReasonNetWrite)
			w := begin(func() (int, error) { return c.Write(make([]byte, 4<<20)) }).parked(t, parkState(network))
			long(t)
			_, _ = io.CopyN(io.Discard, peer, 4<<20)
			_, _ = w.wait()
			op.End(nil)
			all, span := spanOf(t, rec, op)
			tracetest.AssertBlocked(t, span, semconv.ReasonNetWrite, "", -1, 0)
			tracetest.AssertNone(t, all, evidence)
		})
	}
	t.Run("too short", func(t *testing.T) {
		nc, peer := pair(t, "tcp")
		c := netpoll.Wrap(nc)
		ctx, rec := record(t, trace.WithMinBlock(time.Hour))
		op := start(ctx, c, semconv.ReasonNetWrite)
		w := begin(func() (int, error) { return c.Write(make([]byte, 4<<20)) }).parked(t, "IO wait")
		_, _ = io.CopyN(io.Discard, peer, 4<<20)
		_, _ = w.wait()
		op.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `write {block.duration, !block.duration=0}`)
	})
}

// Asking the kernel allocates nothing: it happens during a write.
func TestMeasureAllocs(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
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
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		answered := true
		if got := testing.AllocsPerRun(100, func() { answered = netpoll.Measure(fd) && answered }); got > 0 || !answered {
			t.Errorf("got %v allocations and the answer %v, want none and true", got, answered)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
