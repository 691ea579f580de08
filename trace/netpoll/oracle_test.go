package netpoll_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/internal/parks"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// The execution tracer knows every park of every goroutine. Every block is one
// of them, and every one of them inside an operation has its block.
func TestOracle(t *testing.T) {
	const rounds, size = 15, 2 << 20
	for _, network := range []string{"tcp", "unix", "timed"} {
		t.Run(network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			ctx, rec := record(t)

			// handle runs a call as a goroutine of its own, in one operation, and
			// what others do once it is parked.
			handle := func(r semconv.Reason, f func() (int, error), others func()) {
				p := begin(func() (int, error) {
					return 0, trace.Handle(ctx, "call", func(ctx context.Context) error {
						op := start(ctx, c, r)
						_, err := f()
						op.EndAs("")
						return err
					})
				}).parked(t, "IO wait")
				long(t)
				others()
				_, _ = p.wait()
			}
			read := func() (int, error) { return c.Read(make([]byte, 8)) }
			write := func() (int, error) { return c.Write(make([]byte, size)) }

			tr, err := parks.Record(func() {
				for range rounds {
					handle(semconv.ReasonNetRead, read, func() { _, _ = peer.Write([]byte("a")) })
					handle(semconv.ReasonNetWrite, write, func() { _, _ = io.CopyN(io.Discard, peer, size) })
				}
				handle(semconv.ReasonNetRead, read, func() { _ = c.SetReadDeadline(time.Now()) })
				_ = c.SetReadDeadline(time.Time{})
				handle(semconv.ReasonNetWrite, write, func() { _ = c.SetWriteDeadline(time.Now()) })
				handle(semconv.ReasonNetRead, read, func() { _ = c.Close() })
			})
			if err != nil {
				t.Skip(err) // go test -trace
			}

			ops, blocks := recorded(rec)
			if got, want := len(ops), 2*rounds+3; got != want {
				t.Errorf("got %d operations, want %d", got, want)
			}
			if len(blocks) < len(ops) {
				t.Errorf("got %d blocks of %d operations that were all seen parked", len(blocks), len(ops))
			}
			faults, off := tr.Check("network", ops, blocks)
			for _, f := range faults {
				t.Error(f)
			}
			if network == "timed" {
				return // a whole call is one block
			}
			// Logged and not asserted: on a busy machine a ready goroutine waits to run.
			exact := 0
			for _, d := range off {
				if d < time.Millisecond {
					exact++
				}
			}
			t.Logf("%d of %d blocks are parks but for 1ms", exact, len(off))
		})
	}
}

// recorded returns the operations and blocks that were recorded, each with the goroutine
// that its own span names.
func recorded(rec *tracetest.Recorder) (ops, blocks []parks.Span) {
	for _, s := range rec.Chain().Spans {
		goroutine := int64(0)
		for up := s; up != nil && goroutine == 0; up = up.Parent {
			goroutine = up.Int(semconv.GoroutineIDKey)
		}
		span := parks.Span{Goroutine: goroutine, Start: s.Start, End: s.End}
		switch s.Word() {
		case semconv.SpanRead, semconv.SpanWrite:
			ops = append(ops, span)
		case semconv.SpanBlock:
			blocks = append(blocks, span)
		}
	}
	return ops, blocks
}
