package session_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// The answer to a ping waits behind a write that is parked, and with it the
// read in which the library gives it.
func TestAnswerBehindAWrite(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		ctx, cancel := context.WithCancel(rec.context(t.Context()))
		var wg sync.WaitGroup
		wg.Go(func() {
			_ = trace.Handle(ctx, "reader", func(ctx context.Context) error {
				_, _, _ = c.Read(ctx)
				return nil
			})
		})
		time.Sleep(10 * ms)
		wg.Go(func() {
			_ = trace.Handle(ctx, "writer", func(ctx context.Context) error {
				return c.Write(ctx, messageText, []byte("parked"))
			})
		})
		time.Sleep(10 * ms)
		p.send(t, p.frame(opPing, "?"))
		time.Sleep(10 * ms)
		drained := p.drain()
		time.Sleep(10 * ms)
		cancel()
		wg.Wait()
		<-drained
		wantTree(t, rec, `
			go reader @0s 0s
				read @0s 40ms
					block @0s 20ms {reason=net.read, source=timed}
					wake @20ms 0s {reason=readable}
					block @20ms 10ms {reason=write.lock, source=timed}
					pong @30ms 0s
					wake @30ms 0s {reason=unlocked} -> write
					block @30ms 10ms {reason=net.read, source=timed}
					close @40ms 0s {status=error, error.type=canceled, close.completed=false}
					wake @40ms 0s {reason=canceled}
				reader @0s 40ms {state=finished}
			go writer @10ms 0s
				write @10ms 20ms {message.type=text, message.size=6, message.index=1, frame.count=1, wire.size=12}
					block @10ms 20ms {reason=net.write, source=timed}
					wake @30ms 0s {reason=writable}
				writer @10ms 20ms {state=finished}
		`)
	})
}

// A ping and a close frame behind a write that is parked.
func TestPingAndCloseBehindAWrite(t *testing.T) {
	for _, test := range []struct {
		name string
		call func(ctx context.Context, c conn) error
		want string
	}{
		{"Ping", func(ctx context.Context, c conn) error {
			ctx, cancel := context.WithTimeout(ctx, 20*ms)
			defer cancel()
			return c.Ping(ctx)
		}, `
			write @0s 20ms {message.type=text, message.size=6, message.index=1, frame.count=1, wire.size=12}
				block @0s 20ms {reason=net.write, source=timed}
				wake @20ms 0s {reason=writable}
			ping @10ms 20ms {status=error, error.type=deadline_exceeded}
				block @10ms 10ms {reason=write.lock}
				wake @20ms 0s {reason=unlocked} -> write
				block @20ms 10ms {reason=pong, source=timed}
				wake @30ms 0s {reason=deadline}
			close @40ms 0s {status=error, error.type=close_now, close.completed=false}
		`},
		{"Close", func(_ context.Context, c conn) error { return c.Close(1000, "") }, `
			write @0s 20ms {message.type=text, message.size=6, message.index=1, frame.count=1, wire.size=12}
				block @0s 20ms {reason=net.write, source=timed}
				wake @20ms 0s {reason=writable}
			close @10ms 30ms {status=error, error.type=unexpected_eof, close.code=1000, close.initiator=local, close.completed=false}
				block @10ms 10ms {reason=write.lock}
				wake @20ms 0s {reason=unlocked} -> write
				block @20ms 20ms {reason=net.read, source=timed}
				wake @40ms 0s {reason=peer_closed}
		`},
		{"CloseNow", func(_ context.Context, c conn) error { return c.CloseNow() }, `
			write @0s 10ms {status=error, error.type=closed, message.type=text, message.size=6}
				block @0s 10ms {reason=net.write, source=timed}
				wake @10ms 0s {reason=closed} -> close
			close @10ms 0s {status=error, error.type=close_now, close.completed=false}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{stalls: true})
				var wg sync.WaitGroup
				wg.Go(func() { _ = c.Write(t.Context(), messageText, []byte("parked")) })
				time.Sleep(10 * ms)
				wg.Go(func() { _ = test.call(t.Context(), c) })
				time.Sleep(10 * ms)
				drained := p.drain()
				time.Sleep(20 * ms)
				_ = p.Close()
				wg.Wait()
				_ = c.CloseNow()
				<-drained
				wantTree(t, rec, test.want)
			})
		})
	}
}

// A parked write outlasts the five seconds that the library gives its own
// frames: who wanted to write one waited in vain.
func TestAnswerBehindAWriteInVain(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		var wg sync.WaitGroup
		wg.Go(func() { _ = c.Write(t.Context(), messageText, []byte("parked")) })
		time.Sleep(10 * ms)
		wg.Go(func() { _, _, _ = c.Read(t.Context()) })
		p.send(t, p.frame(opPing, "?"))
		time.Sleep(6 * time.Second)
		_ = c.CloseNow()
		wg.Wait()
		wantTree(t, rec, `
			write @0s 6.01s {status=error, error.type=closed, message.type=text, message.size=6}
				block @0s 6.01s {reason=net.write, source=timed}
				wake @6.01s 0s {reason=closed} -> close
			read @10ms 5s {status=error, error.type=deadline_exceeded}
				block @10ms 5s {reason=write.lock, source=timed}
			close @6.01s 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}
