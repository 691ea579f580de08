package session_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// The answer to a ping waits behind a parked write, and so does the read in which the
// library answers.
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
			reader @0s 40ms {state=finished}
				read @0s 40ms
					block @0s 20ms {reason=net.read, source=timed}
					wake @20ms 0s {reason=readable}
					block @20ms 10ms {reason=write.lock, source=timed}
					pong @30ms 0s
					wake @30ms 0s {reason=unlocked} -> write
					block @30ms 10ms {reason=net.read, source=timed}
					close @40ms 0s {status=error, error.type=canceled, close.completed=false}
					wake @40ms 0s {reason=canceled}
			writer @10ms 20ms {state=finished}
				write @10ms 20ms {message.type=text, message.size=6, message.index=1, frame.count=1, wire.size=12}
					block @10ms 20ms {reason=net.write, source=timed}
					wake @30ms 0s {reason=writable}
		`)
	})
}

// A ping and a close frame wait behind a parked write.
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

// A write is parked for longer than the five seconds that the library gives its own
// frames. The answer is given up.
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

// Waiting writes get the lock in order, with a link to the one before. Those that give
// up are skipped.
func TestWriteLockOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		ctx := rec.context(t.Context())
		lock := session.NewWriteLock()
		_, first := trace.Start(ctx, "0")
		if !lock.Lock(ctx, first, nil) {
			t.Fatal("a turn that is nobody's did not come")
		}
		const waiters = 5
		var wg sync.WaitGroup
		cancels := make([]context.CancelFunc, waiters)
		got := make(chan int, waiters)
		for i := range waiters {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			cancels[i] = cancel
			wg.Go(func() {
				_, op := trace.Start(ctx, strconv.Itoa(i+1))
				if lock.Lock(ctx, op, nil) {
					got <- i + 1
					time.Sleep(ms)
					lock.Unlock(op)
				}
				op.End(nil)
			})
			synctest.Wait()
		}
		cancels[1]()
		synctest.Wait()
		cancels[2]()
		lock.Unlock(first) // at the same moment
		wg.Wait()
		close(got)
		first.End(nil)
		if !lock.Free() {
			t.Error("the turn was lost")
		}
		want := []int{1, 4, 5}
		var order []int
		for i := range got {
			order = append(order, i)
		}
		if !slices.Equal(order, want) && !slices.Equal(order, []int{1, 3, 4, 5}) { // 3 was in time before it gave up
			t.Errorf("the turn went to %v, want %v", order, want)
		}
		c := rec.Chain()
		for before, i := range order {
			by := 0
			if before > 0 {
				by = order[before-1]
			}
			wake := tracetest.One(t, c, strconv.Itoa(i)).Children[1]
			if len(wake.Links) != 1 || wake.Links[0].Span != tracetest.One(t, c, strconv.Itoa(by)) {
				t.Errorf("%d was woken by %v, want %d", i, wake.Links, by)
			}
		}
	})
}

// A lock that is handed to a write that gives up at that moment goes to the next one,
// or is free.
func TestWriteLockGivenUp(t *testing.T) {
	for _, behind := range []bool{false, true} {
		for range 50 { // the moment is short
			synctest.Test(t, func(t *testing.T) {
				lock := session.NewWriteLock()
				lock.Lock(t.Context(), trace.Op{}, nil)
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wait := func(ctx context.Context) {
					wg.Go(func() {
						if lock.Lock(ctx, trace.Op{}, nil) {
							lock.Unlock(trace.Op{})
						} else if ctx.Err() == nil {
							t.Error("the turn did not come")
						}
					})
					synctest.Wait()
				}
				wait(ctx)
				cancel()
				lock.Unlock(trace.Op{})
				if behind {
					wait(t.Context())
				}
				wg.Wait()
				if !lock.Free() {
					t.Error("the turn was lost")
				}
			})
		}
	}
}

// However many wait and give up, one has the lock at a time, and in the end none.
func TestWriteLockConcurrentSafe(t *testing.T) {
	lock := session.NewWriteLock()
	var wg sync.WaitGroup
	var holders, turns atomic.Int32
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				switch r.IntN(4) {
				case 0:
					go cancel()
				case 1:
					go close(done)
				}
				if lock.Lock(ctx, trace.Op{}, done) {
					if n := holders.Add(1); n != 1 {
						t.Errorf("%d have the turn", n)
					}
					turns.Add(1)
					runtime.Gosched()
					holders.Add(-1)
					lock.Unlock(trace.Op{})
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if !lock.Free() {
		t.Error("the turn was lost")
	}
	if turns.Load() < 200 {
		t.Errorf("it came %d times, want it to come to most who wait", turns.Load())
	}
}
