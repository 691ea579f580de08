package netpoll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Everything that ends a park is reported with its reason.
func TestWake(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	shutdown := errors.New("shutdown")
	size := 4 << 20
	type end struct {
		c      *netpoll.Conn
		peer   net.Conn
		closer trace.Op
		cancel context.CancelCauseFunc
	}
	drain := func(e end) { _, _ = io.CopyN(io.Discard, e.peer, int64(size)) }
	feed := func(e end) { _, _ = e.peer.Write([]byte("a")) }
	reset := func(e end) { _, _ = e.peer.(*net.TCPConn).SetLinger(0), e.peer.Close() }
	closePeer := func(e end) { _ = e.peer.Close() }
	closeOwn := func(e end) { e.c.CloseBy(e.closer.SpanContext()); _ = e.c.Close() }
	deadline := func(e end) { _ = e.c.SetDeadline(past) }
	canceled := func(cause error) func(e end) {
		return func(e end) { e.cancel(cause); _ = e.c.Close() }
	}
	tests := []struct {
		networks, name string
		reason         semconv.Reason
		end            func(end)
		want           string // the last wake
	}{
		{"tcp unix pipe timed", "peer writes", semconv.ReasonNetRead, feed, "wake {reason=readable}"},
		{"tcp unix pipe timed", "peer closes", semconv.ReasonNetRead, closePeer, "wake {reason=peer_closed}"},
		{"tcp timed", "peer closes its half", semconv.ReasonNetRead, func(e end) { _ = e.peer.(*net.TCPConn).CloseWrite() }, "wake {reason=peer_closed}"},
		{"tcp timed", "peer resets", semconv.ReasonNetRead, reset, "wake {reason=peer_reset}"},
		{"tcp unix pipe timed", "deadline", semconv.ReasonNetRead, deadline, "wake {reason=deadline}"},
		{"tcp unix pipe timed", "Close", semconv.ReasonNetRead, closeOwn, "wake {reason=closed} -> close"},
		{"tcp unix pipe timed", "Close that nobody named", semconv.ReasonNetRead, func(e end) { _ = e.c.Close() }, "wake {reason=closed}"},
		{"tcp unix", "Close of the wrapped conn", semconv.ReasonNetRead, func(e end) { _ = e.c.NetConn().Close() }, "wake {reason=closed}"},
		{"tcp unix", "CloseRead", semconv.ReasonNetRead, func(e end) { _ = e.c.CloseRead() }, "wake {reason=closed}"},
		{"tcp unix pipe timed", "canceled", semconv.ReasonNetRead, canceled(nil), "wake {reason=canceled}"},
		{"tcp unix pipe timed", "canceled for a cause", semconv.ReasonNetRead, canceled(shutdown), "wake {reason=canceled, cause=shutdown}"},

		{"unix pipe timed", "peer reads", semconv.ReasonNetWrite, drain, "wake {reason=writable}"},
		{"unix pipe", "peer closes", semconv.ReasonNetWrite, closePeer, "wake {reason=peer_closed}"},
		{"tcp timed", "peer resets", semconv.ReasonNetWrite, reset, "wake {reason=peer_reset}"},
		{"tcp timed", "peer closes without reading", semconv.ReasonNetWrite, closePeer, "wake {reason=peer_reset}"},
		{"tcp unix pipe timed", "deadline", semconv.ReasonNetWrite, deadline, "wake {reason=deadline}"},
		{"tcp unix pipe timed", "Close", semconv.ReasonNetWrite, closeOwn, "wake {reason=closed} -> close"},
		{"tcp", "CloseWrite", semconv.ReasonNetWrite, func(e end) { _ = e.c.CloseWrite() }, "wake {reason=closed}"},
		{"tcp unix pipe timed", "canceled", semconv.ReasonNetWrite, canceled(nil), "wake {reason=canceled}"},
	}
	for _, tt := range tests {
		for network := range strings.FieldsSeq(tt.networks) {
			t.Run(string(tt.reason)+"/"+tt.name+"/"+network, func(t *testing.T) {
				nc, peer := pair(t, network)
				c := netpoll.Wrap(nc)
				ctx, rec := record(t)
				_, closer := trace.Start(ctx, semconv.SpanClose)
				ctx, cancel := context.WithCancelCause(ctx)
				defer cancel(nil)
				op := start(ctx, c, tt.reason)
				var p *call
				if tt.reason == semconv.ReasonNetRead {
					p = begin(func() (int, error) { return c.Read(make([]byte, 8)) })
				} else {
					p = begin(func() (int, error) { return c.Write(make([]byte, size)) })
				}
				p.parked(t, parkState(network))
				if tt.reason == semconv.ReasonNetWrite {
					settled(t, p, nc)
				}
				long(t)
				tt.end(end{c, peer, closer, cancel})
				_, err := p.wait()
				op.End(err)
				closer.End(nil)

				source := "poll"
				if network == "pipe" || network == "timed" {
					source = "timed"
				}
				_, span := spanOf(t, rec, op)
				var want strings.Builder
				fmt.Fprintf(&want, "%s {status=%s}", span.Name, strings.ToLower(span.Status.Code.String()))
				block := fmt.Sprintf("\n\tblock {reason=%s, source=%s}\n\t", tt.reason, source)
				// A writer may have parked before, while the kernel took what it could.
				for i := 1; i < len(span.Children)-2; i += 2 {
					reason := span.Children[i].Str(semconv.WakeReasonKey)
					if reason != string(semconv.WakePeerRead) {
						reason = string(semconv.WakeWritable)
					}
					want.WriteString(block + "wake {reason=" + reason + "}")
				}
				want.WriteString(block + tt.want)
				wantEdges(t, rec, op, want.String())
			})
		}
	}
}

// A write that parks several times reports each park.
func TestWakeAgain(t *testing.T) {
	nc, peer := pair(t, "unix")
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetWrite)
	const size = 4 << 20
	w := begin(func() (int, error) { return c.Write(make([]byte, size)) })
	for rest := size; rest > 0; {
		w.parked(t, "IO wait")
		n, err := io.CopyN(io.Discard, peer, int64(min(rest, 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		if rest -= int(n); rest < 1<<20 {
			_, _ = io.CopyN(io.Discard, peer, int64(rest))
			break
		}
	}
	if n, err := w.wait(); n != size || err != nil {
		t.Errorf("got %d, %v, want %d, nil", n, err, size)
	}
	op.End(nil)
	_, span := spanOf(t, rec, op)
	if n := len(span.Children) / 2; n < 3 {
		t.Errorf("got block and wake %d times, want three times at least", n)
	}
	wantEdges(t, rec, op, "write"+strings.Repeat("\n\tblock {reason=net.write, source=poll}\n\twake {reason=writable}", len(span.Children)/2))
}

// A call that waits for another one of its direction reports that.
func TestLock(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run("write/"+network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			first := start(ctx, c, semconv.ReasonNetWrite)
			w1 := begin(func() (int, error) { return c.Write(make([]byte, 4<<20)) }).parked(t, "IO wait")
			second := start(ctx, c, semconv.ReasonNetWrite)
			w2 := begin(func() (int, error) { return c.Write([]byte("a")) }).parked(t, "sync.Mutex.Lock")
			_, _ = io.CopyN(io.Discard, peer, 4<<20+1)
			_, _ = w1.wait()
			_, _ = w2.wait()
			first.End(nil)
			second.End(nil)
			wantEdges(t, rec, second, `
				write
					block {reason=write.lock}
					wake {reason=unlocked}
					...
			`)
			wantEdges(t, rec, first, `
				write
					block {reason=net.write, source=poll}
					...
			`)
			spans, _ := spanOf(t, rec, first)
			tracetest.One(t, spans, "block {block.reason=write.lock}")
			tracetest.One(t, spans, "wake {wake.reason=unlocked}")
		})
		t.Run("read/"+network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)
			first := start(ctx, c, semconv.ReasonNetRead)
			r1 := begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, "IO wait")
			second := start(ctx, c, semconv.ReasonNetRead)
			r2 := begin(func() (int, error) { return c.Read(make([]byte, 1)) }).parked(t, "sync.Mutex.Lock")
			_, _ = peer.Write([]byte("ab"))
			_, _ = r1.wait()
			_, _ = r2.wait()
			first.End(nil)
			second.End(nil)
			wantEdges(t, rec, first, `
				read
					block {reason=net.read, source=poll}
					wake {reason=readable}
			`)
			wantEdges(t, rec, second, `
				read
					block {reason=lock}
					wake {reason=unlocked}
			`)
		})
	}
}

// A timed call that returns immediately counts as not blocked.
func TestTimedFloor(t *testing.T) {
	nc, peer := pair(t, "timed")
	c := netpoll.Wrap(nc)
	ctx, rec := record(t)
	op := start(ctx, c, semconv.ReasonNetRead)
	const reads = 100
	for range reads {
		_, _ = peer.Write([]byte("a"))
		_, _ = c.Read(make([]byte, 1))
	}
	op.End(nil)
	_, span := spanOf(t, rec, op)
	if n := len(span.Children) / 2; n > reads/2 {
		t.Errorf("got %d blocks of %d reads of what had arrived", n, reads)
	}
}
