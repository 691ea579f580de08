package wstest_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

const second = time.Second

// bench is a pair of conns whose operations are observed.
type bench struct {
	ctx      context.Context
	rec      *tracetest.Recorder
	c, peer  *netpoll.Conn
	raw      *wstest.Conn // below c
	rawPeer  *wstest.Conn
	canceled context.CancelFunc // cancels the operations of c
}

func newBench(t *testing.T, opts ...wstest.Option) *bench {
	t.Helper()
	ctx, rec := record(t)
	b := &bench{rec: rec}
	b.raw, b.rawPeer = wstest.NetPipe(opts...)
	b.ctx, b.canceled = context.WithCancel(ctx)
	b.c, b.peer = netpoll.Wrap(b.raw), netpoll.Wrap(b.rawPeer)
	t.Cleanup(func() { _, _ = b.raw.Close(), b.rawPeer.Close() })
	return b
}

// write writes n bytes to c as an operation with this name.
func (b *bench) write(c *netpoll.Conn, name string, n int) {
	_, op := trace.Start(b.ctx, name)
	c.TraceWrite(op)
	_, err := c.Write(make([]byte, n))
	op.End(err)
	c.TraceWrite(trace.Op{})
}

func (b *bench) read(c *netpoll.Conn, name string) {
	_, op := trace.Start(b.ctx, name)
	c.TraceRead(op)
	_, err := c.Read(make([]byte, 4096))
	op.End(err)
	c.TraceRead(trace.Op{})
}

func (b *bench) close(c *netpoll.Conn, name string) {
	_, op := trace.Start(b.ctx, name)
	c.CloseBy(op.SpanContext())
	op.End(c.Close())
}

// What ends a park, and how and when that is reported: two seconds after the park began.
func TestWake(t *testing.T) {
	tests := []struct {
		name, call string
		end        func(b *bench)
		want       string
	}{
		{"peer writes", "read", func(b *bench) { b.write(b.peer, "send", 3) }, "wake {reason=readable} -> send"},
		{"peer writes without a span", "read", func(b *bench) { _, _ = b.peer.Write([]byte("a")) }, "wake {reason=readable}"},
		{"peer closes", "read", func(b *bench) { b.close(b.peer, "bye") }, "wake {reason=peer_closed} -> bye"},
		{"peer closes its half", "read", func(b *bench) { _ = b.peer.CloseWrite() }, "wake {reason=peer_closed}"},
		{"peer resets", "read", func(b *bench) { _ = b.rawPeer.Reset() }, "wake {reason=peer_reset}"},
		{"peer is cut off", "read", func(b *bench) { b.rawPeer.CutAfter(0) }, "wake {reason=peer_closed}"},
		{"cut off", "read", func(b *bench) { b.raw.CutAfter(0) }, "wake {reason=peer_reset}"},
		{"deadline", "read", func(b *bench) { _ = b.c.SetReadDeadline(time.Now()) }, "wake {reason=deadline}"},
		{"Close", "read", func(b *bench) { b.close(b.c, "bye") }, "wake {reason=closed} -> bye"},
		{"Close without a span", "read", func(b *bench) { _ = b.c.Close() }, "wake {reason=closed}"},
		{"canceled", "read", func(b *bench) { b.canceled(); _ = b.c.Close() }, "wake {reason=canceled}"},

		{"peer reads", "write", func(b *bench) { b.read(b.peer, "recv") }, "wake {reason=peer_read} -> recv"},
		{"peer reads without a span", "write", func(b *bench) { _, _ = b.peer.Read(make([]byte, 1)) }, "wake {reason=peer_read}"},
		{"peer closes", "write", func(b *bench) { b.close(b.peer, "bye") }, "wake {reason=peer_reset} -> bye"},
		{"peer resets", "write", func(b *bench) { _ = b.rawPeer.Reset() }, "wake {reason=peer_reset}"},
		{"peer closes its half, then all", "write", func(b *bench) { _ = b.peer.CloseWrite(); b.close(b.peer, "bye") }, "wake {reason=peer_closed} -> bye"},
		{"cut off", "write", func(b *bench) { b.raw.CutAfter(0) }, "wake {reason=peer_reset}"},
		{"deadline", "write", func(b *bench) { _ = b.c.SetWriteDeadline(time.Now()) }, "wake {reason=deadline}"},
		{"Close", "write", func(b *bench) { b.close(b.c, "bye") }, "wake {reason=closed} -> bye"},
		{"CloseWrite", "write", func(b *bench) { _ = b.c.CloseWrite() }, "wake {reason=closed}"},
		{"canceled", "write", func(b *bench) { b.canceled(); _ = b.c.Close() }, "wake {reason=canceled}"},
	}
	for _, tt := range tests {
		t.Run(tt.call+"/"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, wstest.WithWindow(4))
				block := "block 2s {reason=net.read, source=memory}\n"
				if tt.call == "read" {
					go b.read(b.c, "read")
				} else {
					block = "block 2s {reason=net.write, cause=peer_window, source=memory}\n"
					go b.write(b.c, "write", 5)
				}
				time.Sleep(2 * second)
				tt.end(b)
				synctest.Wait()
				wantEdges(t, b.rec, tt.call, block+tt.want)
			})
		})
	}
}

// A deadline that was set before the park ends it in time.
func TestWakeDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		_ = b.c.SetDeadline(time.Now().Add(7 * second))
		go b.read(b.c, "read")
		b.write(b.c, "write", 5)
		synctest.Wait()
		wantEdges(t, b.rec, "write", "block 7s {reason=net.write, cause=peer_window, source=memory}\nwake {reason=deadline}")
		wantEdges(t, b.rec, "read", "block 7s {reason=net.read, source=memory}\nwake {reason=deadline}")
	})
}

// A write blocks each time that the window is full. Each wake names the read that made
// room.
func TestWakeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go b.write(b.c, "write", 12)
		time.Sleep(second)
		b.read(b.peer, "first")
		time.Sleep(2 * second)
		b.read(b.peer, "second")
		synctest.Wait()
		wantEdges(t, b.rec, "write", `
			block 1s {reason=net.write, cause=peer_window, source=memory}
			wake {reason=peer_read} -> first
			block 2s {reason=net.write, cause=peer_window, source=memory}
			wake {reason=peer_read} -> second
		`)
		wantEdges(t, b.rec, "first", "")
		wantEdges(t, b.rec, "second", "")
	})
}

// A write that waits for another one reports that.
func TestWriteTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go b.write(b.c, "first", 5)
		synctest.Wait()
		go b.write(b.c, "second", 1)
		time.Sleep(second)
		b.read(b.peer, "read")
		synctest.Wait()
		wantEdges(t, b.rec, "second", "block 1s {reason=write.lock, source=memory}\nwake {reason=unlocked} -> first")
	})
}

// ResumeReading wakes a stopped reader, not the other end's write.
func TestStopReadingLinksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.raw.StopReading()
		go b.read(b.c, "read")
		time.Sleep(second)
		b.write(b.peer, "write", 1)
		time.Sleep(second)
		b.raw.ResumeReading()
		synctest.Wait()
		wantEdges(t, b.rec, "read", "block 2s {reason=net.read, source=memory}\nwake {reason=readable}")
	})
}

// With a latency, the network may be why the window is full.
func TestCause(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		reads time.Duration // when the peer reads
		want  string        // the write's edges
	}{
		// In flight for 20 ms, then unread, and 20 ms until the room is known.
		{"at once", 0, "block 40ms {reason=net.write, cause=network, source=memory}\nwake {reason=peer_read} -> read"},
		{"soon", 50 * ms, "block 70ms {reason=net.write, cause=network, source=memory}\nwake {reason=peer_read} -> read"},
		{"late", 60 * ms, "block 80ms {reason=net.write, cause=peer_window, source=memory}\nwake {reason=peer_read} -> read"},
		{"before the deadline, that the room came after", 85 * ms, "block 100ms {reason=net.write, cause=peer_window, source=memory}\nwake {reason=deadline}"},
		{"never", time.Hour, "block 100ms {reason=net.write, cause=peer_window, source=memory}\nwake {reason=deadline}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, wstest.WithWindow(4), wstest.WithLatency(20*ms))
				_ = b.c.SetWriteDeadline(time.Now().Add(100 * ms))
				go b.write(b.c, "write", 5)
				time.Sleep(tt.reads)
				b.read(b.peer, "read")
				time.Sleep(time.Second)
				wantEdges(t, b.rec, "write", tt.want)
			})
		})
	}
	t.Run("closed while all is on its way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, wstest.WithWindow(4), wstest.WithLatency(20*ms))
			go b.write(b.c, "write", 5)
			time.Sleep(10 * ms)
			b.close(b.c, "close")
			synctest.Wait()
			wantEdges(t, b.rec, "write", "block 10ms {reason=net.write, cause=network, source=memory}\nwake {reason=closed} -> close")
		})
	})
	// The bytes, written before the read began, end its wait.
	t.Run("read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, wstest.WithLatency(20*ms))
			b.write(b.c, "write", 3)
			time.Sleep(5 * ms)
			b.read(b.peer, "read")
			wantEdges(t, b.rec, "read", "block 15ms {reason=net.read, source=memory}\nwake {reason=readable} -> write")
		})
	})
}

// Nothing is reported if nothing observes.
func TestUnobserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go func() { _, _ = b.c.Write(make([]byte, 8)) }()
		time.Sleep(second)
		_, _ = io.ReadFull(b.peer, make([]byte, 8))
		tracetest.AssertTree(t, b.rec.Chain(), "")
	})
}
