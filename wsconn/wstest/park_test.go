package wstest_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

const second = time.Second

// bench is a pair with operations that are observed.
type bench struct {
	ctx      context.Context
	rec      *tracetest.SpanRecorder
	c, peer  *netpoll.Conn
	raw      *wstest.Conn // below c
	rawPeer  *wstest.Conn
	canceled context.CancelFunc // of the operations of c
}

func newBench(t *testing.T, opts ...wstest.Option) *bench {
	t.Helper()
	ctx, rec := record(t.Context())
	b := &bench{rec: rec}
	b.raw, b.rawPeer = wstest.NetPipe(opts...)
	b.ctx, b.canceled = context.WithCancel(ctx)
	b.c, b.peer = netpoll.Wrap(b.raw), netpoll.Wrap(b.rawPeer)
	t.Cleanup(func() { _, _ = b.raw.Close(), b.rawPeer.Close() })
	return b
}

// write writes n bytes at c as an operation of that name.
func (b *bench) write(c *netpoll.Conn, name string, n int) {
	_, op := trace.Start(b.ctx, name)
	c.ObserveWrite(op)
	_, err := c.Write(make([]byte, n))
	op.End(err)
	c.ObserveWrite(nil)
}

func (b *bench) read(c *netpoll.Conn, name string) {
	_, op := trace.Start(b.ctx, name)
	c.ObserveRead(op)
	_, err := c.Read(make([]byte, 4096))
	op.End(err)
	c.ObserveRead(nil)
}

func (b *bench) close(c *netpoll.Conn, name string) {
	_, op := trace.Start(b.ctx, name)
	c.ObserveClose(op)
	op.End(c.Close())
}

// What ends a park, how each way is told, and when: two seconds after its begin.
func TestWake(t *testing.T) {
	tests := []struct {
		name, call string
		end        func(b *bench)
		want       string
	}{
		{"peer writes", "read", func(b *bench) { b.write(b.peer, "send", 3) }, "readable -> send"},
		{"peer writes without a span", "read", func(b *bench) { _, _ = b.peer.Write([]byte("a")) }, "readable"},
		{"peer closes", "read", func(b *bench) { b.close(b.peer, "bye") }, "peer_closed -> bye"},
		{"peer closes its half", "read", func(b *bench) { _ = b.peer.CloseWrite() }, "peer_closed"},
		{"peer resets", "read", func(b *bench) { _ = b.rawPeer.Reset() }, "peer_reset"},
		{"peer is cut off", "read", func(b *bench) { b.rawPeer.CutAfter(0) }, "peer_closed"},
		{"cut off", "read", func(b *bench) { b.raw.CutAfter(0) }, "peer_reset"},
		{"deadline", "read", func(b *bench) { _ = b.c.SetReadDeadline(time.Now()) }, "deadline"},
		{"Close", "read", func(b *bench) { b.close(b.c, "bye") }, "closed -> bye"},
		{"Close without a span", "read", func(b *bench) { _ = b.c.Close() }, "closed"},
		{"canceled", "read", func(b *bench) { b.canceled(); _ = b.c.Close() }, "canceled"},

		{"peer reads", "write", func(b *bench) { b.read(b.peer, "recv") }, "peer_read -> recv"},
		{"peer reads without a span", "write", func(b *bench) { _, _ = b.peer.Read(make([]byte, 1)) }, "peer_read"},
		{"peer closes", "write", func(b *bench) { b.close(b.peer, "bye") }, "peer_reset -> bye"},
		{"peer resets", "write", func(b *bench) { _ = b.rawPeer.Reset() }, "peer_reset"},
		{"peer closes its half, then all", "write", func(b *bench) { _ = b.peer.CloseWrite(); b.close(b.peer, "bye") }, "peer_closed -> bye"},
		{"cut off", "write", func(b *bench) { b.raw.CutAfter(0) }, "peer_reset"},
		{"deadline", "write", func(b *bench) { _ = b.c.SetWriteDeadline(time.Now()) }, "deadline"},
		{"Close", "write", func(b *bench) { b.close(b.c, "bye") }, "closed -> bye"},
		{"CloseWrite", "write", func(b *bench) { _ = b.c.CloseWrite() }, "closed"},
		{"canceled", "write", func(b *bench) { b.canceled(); _ = b.c.Close() }, "canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.call+"/"+tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, wstest.WithWindow(4))
				block := "block 2s net.read memory\n"
				if tt.call == "read" {
					go b.read(b.c, "read")
				} else {
					block = "block 2s net.write peer_window memory\n"
					go b.write(b.c, "write", 5)
				}
				time.Sleep(2 * second)
				tt.end(b)
				synctest.Wait()
				want(t, edges(b.rec, tt.call), block+"wake "+tt.want+"\n")
			})
		})
	}
}

// A deadline that was set before the park ends it at its time.
func TestWakeDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		_ = b.c.SetDeadline(time.Now().Add(7 * second))
		go b.read(b.c, "read")
		b.write(b.c, "write", 5)
		synctest.Wait()
		want(t, edges(b.rec, "write"), "block 7s net.write peer_window memory\nwake deadline\n")
		want(t, edges(b.rec, "read"), "block 7s net.read memory\nwake deadline\n")
	})
}

// Each time that the window is full is a block, and each read that made room is
// named.
func TestWakeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go b.write(b.c, "write", 12)
		time.Sleep(second)
		b.read(b.peer, "first")
		time.Sleep(2 * second)
		b.read(b.peer, "second")
		synctest.Wait()
		want(t, edges(b.rec, "write"), `
			block 1s net.write peer_window memory
			wake peer_read -> first
			block 2s net.write peer_window memory
			wake peer_read -> second
		`)
		want(t, edges(b.rec, "first")+edges(b.rec, "second"), "")
	})
}

// A write that waits for another one says so.
func TestWriteTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go b.write(b.c, "first", 5)
		synctest.Wait()
		go b.write(b.c, "second", 1)
		time.Sleep(second)
		b.read(b.peer, "read")
		synctest.Wait()
		want(t, edges(b.rec, "second"), "block 1s write.lock memory\nwake unlocked -> first\n")
	})
}

// A reader that was stopped is woken by who lets it go on, not by who wrote.
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
		want(t, edges(b.rec, "read"), "block 2s net.read memory\nwake readable\n")
	})
}

// Why a window is full: with a latency, that can be the network's.
func TestCause(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		reads time.Duration // when the peer reads
		want  string        // of the write's edges
	}{
		// On their way for 20 ms, unread for the rest, and 20 ms for the room.
		{"at once", 0, "block 40ms net.write network memory\nwake peer_read -> read\n"},
		{"soon", 50 * ms, "block 70ms net.write network memory\nwake peer_read -> read\n"},
		{"late", 60 * ms, "block 80ms net.write peer_window memory\nwake peer_read -> read\n"},
		{"before the deadline, that the room came after", 85 * ms, "block 100ms net.write peer_window memory\nwake deadline\n"},
		{"never", time.Hour, "block 100ms net.write peer_window memory\nwake deadline\n"},
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
				want(t, edges(b.rec, "write"), tt.want)
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
			want(t, edges(b.rec, "write"), "block 10ms net.write network memory\nwake closed -> close\n")
		})
	})
	// The bytes were written before the read began, and end its wait.
	t.Run("read", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, wstest.WithLatency(20*ms))
			b.write(b.c, "write", 3)
			time.Sleep(5 * ms)
			b.read(b.peer, "read")
			want(t, edges(b.rec, "read"), "block 15ms net.read memory\nwake readable -> write\n")
		})
	})
}

// Nobody is told of what nobody observes.
func TestUnobserved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, wstest.WithWindow(4))
		go func() { _, _ = b.c.Write(make([]byte, 8)) }()
		time.Sleep(second)
		_, _ = io.ReadFull(b.peer, make([]byte, 8))
		if n := len(b.rec.Started()); n > 0 {
			t.Errorf("got %d spans", n)
		}
	})
}
