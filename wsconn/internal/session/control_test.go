package session_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
)

// A ping shows the wait for its pong and the read that received the pong; the other
// side shows the answer.
func TestPing(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{})
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = p.client.Read(t.Context()) })
		wg.Go(func() { _, _, _ = p.server.Read(t.Context()) })
		time.Sleep(10 * ms)
		if err := p.client.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * ms)
		wg.Go(func() { _ = p.client.Close(1000, "") })
		wg.Wait()
		wantTree(t, p.clientSpans, `
			read @0s 20ms
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable}
				block @10ms 10ms {reason=net.read, source=timed}
				wake @20ms 0s {reason=readable}
			ping @10ms 0s
				block @10ms 0s {reason=pong, source=timed}
				wake @10ms 0s {reason=received} -> read
			close @20ms 0s {close.code=1000, close.initiator=local, close.completed=true, close.wait=0}
		`)
		wantTree(t, p.serverSpans, `
			read @0s 20ms
				block @0s 10ms {reason=net.read, source=timed}
				pong @10ms 0s
				wake @10ms 0s {reason=readable}
				block @10ms 10ms {reason=net.read, source=timed}
				close @20ms 0s {close.code=1000, close.initiator=remote, close.completed=true, close.wait=0}
				wake @20ms 0s {reason=readable}
		`)
	})
}

// Pings that are in flight together are distinguished by their payload.
func TestPings(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		read, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = c.Read(read) })
		ctx := rec.context(t.Context())
		for _, name := range []string{"one", "two"} {
			wg.Go(func() { _ = trace.Handle(ctx, name, c.Ping) })
			time.Sleep(10 * ms)
		}
		// The first has not been written yet: the second waits for its turn.
		_, a := p.receive(t)
		_, b := p.receive(t)
		time.Sleep(10 * ms)
		p.send(t, p.frame(opPong, b), p.frame(opPong, ""))
		time.Sleep(10 * ms)
		p.send(t, p.frame(opPong, a))
		time.Sleep(10 * ms)
		stop()
		wg.Wait()
		wantTree(t, rec, `
			one @0s 40ms {state=finished}
				ping @0s 40ms
					block @0s 20ms {reason=net.write, source=timed}
					wake @20ms 0s {reason=writable}
					block @20ms 20ms {reason=pong, source=timed}
					wake @40ms 0s {reason=received} -> read
			read @0s 50ms
				block @0s 30ms {reason=net.read, source=timed}
				wake @30ms 0s {reason=readable}
				block @30ms 10ms {reason=net.read, source=timed}
				wake @40ms 0s {reason=readable}
				block @40ms 10ms {reason=net.read, source=timed}
				close @50ms 0s {status=error, error.type=canceled, close.completed=false}
				wake @50ms 0s {reason=canceled}
			two @10ms 20ms {state=finished}
				ping @10ms 20ms
					block @10ms 10ms {reason=write.lock}
					wake @20ms 0s {reason=unlocked} -> ping
					block @20ms 10ms {reason=pong, source=timed}
					wake @30ms 0s {reason=received} -> read
		`)
	})
}

// A pong that never arrives.
func TestPingUnanswered(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		drained := p.drain()
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if err := c.Ping(ctx); err == nil {
			t.Error("got no error")
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = c.Ping(t.Context())
		}()
		time.Sleep(10 * ms)
		_ = c.CloseNow()
		<-done
		<-drained
		wantTree(t, rec, `
			ping @0s 10ms {status=error, error.type=deadline_exceeded}
				block @0s 10ms {reason=pong, source=timed}
				wake @10ms 0s {reason=deadline}
			ping @10ms 10ms {status=error, error.type=closed}
				block @10ms 10ms {reason=pong, source=timed}
				wake @20ms 0s {reason=closed}
			close @20ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// The library answers the peer's pings in a read; after CloseRead, in no operation of the
// program.
func TestPong(t *testing.T) {
	for _, test := range []struct {
		name string
		read func(ctx context.Context, c conn)
		want string
	}{
		{"Read", func(ctx context.Context, c conn) { _, _, _ = c.Read(ctx) }, `
			read @0s 10ms
				pong @0s 10ms
					block @0s 10ms {reason=net.write, source=timed}
					wake @10ms 0s {reason=writable}
				close @10ms 0s {status=error, error.type=canceled, close.completed=false}
		`},
		{"CloseRead", func(ctx context.Context, c conn) { <-c.CloseRead(ctx).Done() }, `
			pong @0s 10ms
				block @0s 10ms {reason=net.write, source=timed}
				wake @10ms 0s {reason=writable}
			close @10ms 0s {status=error, error.type=canceled, close.completed=false}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{stalls: true})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					test.read(ctx, c)
				}()
				p.send(t, p.frame(opPing, "?"))
				time.Sleep(10 * ms)
				if op, payload := p.receive(t); op != opPong || payload != "?" {
					t.Errorf("got %x %q", op, payload)
				}
				synctest.Wait() // until it reads again
				cancel()
				<-done
				synctest.Wait()
				wantTree(t, rec, test.want)
			})
		})
	}
}
