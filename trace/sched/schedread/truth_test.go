package schedread_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// scene is a random program whose waits are known. In each round one goroutine waits in
// some way, and another one ends that wait once the first has parked.
type scene struct {
	mu     sync.Mutex
	rw     sync.RWMutex
	cond   *sync.Cond
	ready  bool
	wg     sync.WaitGroup
	ch     chan int
	closed chan int
	a, b   net.Conn
	never  chan int
	ctx    context.Context
	cancel func()
	once   *sync.Once
	begun  chan int
}

// wait is a way to wait, and how the wait ends.
type wait struct {
	name    string
	before  func(*scene) // by the waker
	block   func(*scene) // by the waiter
	wake    func(*scene) // by the waker, once the waiter has parked
	want    string       // as line returns it
	waiting string       // the waiter's state in a stack
}

var waits = []wait{
	{"mutex", func(s *scene) { s.mu.Lock() }, lockMutex, unlock, "lock lockMutex unlocked by WAKER in unlock", "sync.Mutex.Lock"},
	{"rlock", func(s *scene) { s.rw.Lock() }, rLock, rwUnlock, "lock rLock unlocked by WAKER in rwUnlock", "sync.RWMutex.RLock"},
	{"wlock", func(s *scene) { s.rw.RLock() }, wLock, rUnlock, "lock wLock unlocked by WAKER in rUnlock", "sync.RWMutex.Lock"},
	{"send", nothing, sendTo, take, "send sendTo sent by WAKER in take", "chan send"},
	{"recv", nothing, recvFrom, give, "recv recvFrom received by WAKER in give", "chan receive"},
	{"try to send", nothing, recvFrom, tryGive, "recv recvFrom received by WAKER in tryGive", "chan receive"},
	{"try to receive", nothing, sendTo, tryTake, "send sendTo sent by WAKER in tryTake", "chan send"},
	{"send in a select", nothing, recvFrom, selectGive, "recv recvFrom received by WAKER in selectGive", "chan receive"},
	{"receive in a select", nothing, sendTo, selectTake, "send sendTo sent by WAKER in selectTake", "chan send"},
	{"select and try", nothing, selectFrom, tryGive, "select selectFrom received by WAKER in tryGive", "select"},
	{"two selects", nothing, selectFrom, selectGive, "select selectFrom by WAKER in selectGive", "select"},
	{"reflect send", nothing, recvFrom, reflectGive, "recv recvFrom received by WAKER in reflectGive", "chan receive"},
	{"reflect recv", nothing, sendTo, reflectTake, "send sendTo sent by WAKER in reflectTake", "chan send"},
	{"close a select", func(s *scene) { s.closed = make(chan int) }, selectClosed, shut, "select selectClosed closed by WAKER in shut", "select"},
	{"reflect close", func(s *scene) { s.closed = make(chan int) }, recvClosed, reflectShut, "recv recvClosed closed by WAKER in reflectShut", "chan receive"},
	{"ticker", nothing, tick, nothing, "recv tick timer", ""},
	{"close", func(s *scene) { s.closed = make(chan int) }, recvClosed, shut, "recv recvClosed closed by WAKER in shut", "chan receive"},
	{"select", nothing, selectFrom, give, "select selectFrom received by WAKER in give", "select"},
	{"cancel", func(s *scene) { s.ctx, s.cancel = context.WithCancel(context.Background()) }, selectDone, cancel, "recv selectDone canceled by WAKER in cancel", "chan receive"},
	{"waitgroup", func(s *scene) { s.wg.Add(1) }, waitFor, finish, "wait waitFor done by WAKER in finish", "sync.WaitGroup.Wait"},
	{"cond", func(s *scene) { s.ready = false }, condWait, wakeCond, "wait condWait signaled by WAKER in wakeCond", "sync.Cond.Wait"},
	{"once", func(s *scene) { s.once = new(sync.Once); s.begun = make(chan int); go s.once.Do(s.init); <-s.begun }, waitOnce, give, "await waitOnce done by sync.(*Once).Do in ", "sync.Mutex.Lock"},
	{"socket", nothing, readFrom, write, "net.read readFrom", "IO wait"},
	{"deadline", nothing, readFrom, expire, "net.read readFrom deadline by WAKER in expire", "IO wait"},
	{"sleep", nothing, sleep, nothing, "sleep sleep timer", ""},
}

func nothing(*scene) {}

//go:noinline
func lockMutex(s *scene) { s.mu.Lock(); s.mu.Unlock() } //nolint:staticcheck // to wait for it

//go:noinline
func unlock(s *scene) { s.mu.Unlock() }

//go:noinline
func rLock(s *scene) { s.rw.RLock(); s.rw.RUnlock() } //nolint:staticcheck // to wait for it

//go:noinline
func rwUnlock(s *scene) { s.rw.Unlock() }

//go:noinline
func wLock(s *scene) { s.rw.Lock(); s.rw.Unlock() } //nolint:staticcheck // to wait for it

//go:noinline
func rUnlock(s *scene) { s.rw.RUnlock() }

//go:noinline
func sendTo(s *scene) { s.ch <- 1 }

//go:noinline
func take(s *scene) { <-s.ch }

//go:noinline
func recvFrom(s *scene) { <-s.ch }

//go:noinline
func give(s *scene) { s.ch <- 1 }

//go:noinline
func tryGive(s *scene) {
	select {
	case s.ch <- 1:
	default:
	}
}

//go:noinline
func tryTake(s *scene) {
	select {
	case <-s.ch:
	default:
	}
}

//go:noinline
func selectGive(s *scene) {
	select {
	case s.ch <- 1:
	case <-s.never:
	}
}

//go:noinline
func selectTake(s *scene) {
	select {
	case <-s.ch:
	case <-s.never:
	}
}

//go:noinline
func reflectGive(s *scene) { reflect.ValueOf(s.ch).Send(reflect.ValueOf(1)) }

//go:noinline
func reflectTake(s *scene) { reflect.ValueOf(s.ch).Recv() }

//go:noinline
func reflectShut(s *scene) { reflect.ValueOf(s.closed).Close() }

//go:noinline
func selectClosed(s *scene) {
	select {
	case <-s.closed:
	case <-s.never:
	}
}

//go:noinline
func tick(*scene) { <-time.After(50 * time.Millisecond) } // whoever comes later does not wait

//go:noinline
func recvClosed(s *scene) { <-s.closed }

//go:noinline
func shut(s *scene) { close(s.closed) }

//go:noinline
func selectFrom(s *scene) {
	select {
	case <-s.ch:
	case <-s.never:
	}
}

//go:noinline
func selectDone(s *scene) { <-s.ctx.Done() }

//go:noinline
func cancel(s *scene) { s.cancel() }

//go:noinline
func waitFor(s *scene) { s.wg.Wait() }

//go:noinline
func finish(s *scene) { s.wg.Done() }

//go:noinline
func condWait(s *scene) {
	s.cond.L.Lock()
	for !s.ready {
		s.cond.Wait()
	}
	s.cond.L.Unlock()
}

//go:noinline
func wakeCond(s *scene) {
	s.cond.L.Lock()
	s.ready = true
	s.cond.L.Unlock()
	s.cond.Broadcast()
}

//go:noinline
func (s *scene) init() { close(s.begun); <-s.ch }

//go:noinline
func waitOnce(s *scene) { s.once.Do(nil) }

//go:noinline
func readFrom(s *scene) { _, _ = s.a.Read(make([]byte, 1)) }

//go:noinline
func write(s *scene) { _, _ = s.b.Write([]byte{1}) }

//go:noinline
func expire(s *scene) { _ = s.a.SetReadDeadline(time.Unix(1, 0)) }

//go:noinline
func sleep(*scene) { time.Sleep(time.Millisecond) }

// parked waits until the goroutine with this number is in this state, as the runtime's
// stacks name it.
func parked(t *testing.T, id int64, state string) {
	head := fmt.Sprintf("goroutine %d [%s", id, state)
	for buf := make([]byte, 1<<20); !strings.Contains(string(buf[:runtime.Stack(buf, true)]), head); {
		if t.Context().Err() != nil {
			return
		}
		<-time.After(time.Millisecond)
	}
}

// pipe returns a pair of connected TCP connections.
func pipe(t *testing.T) (a, b net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if a, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// TestTruth runs random programs, and compares each block of the waiters: its operation
// and place, what ended it, which goroutine did, and where.
func TestTruth(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { truth(t, seed) })
	}
}

func truth(t *testing.T, seed uint64) {
	rec := recording(t)
	type result struct {
		id   int64
		want []string
	}
	var all [3]result
	var pairs sync.WaitGroup
	for n := range all {
		s := &scene{ch: make(chan int)}
		s.cond = sync.NewCond(new(sync.Mutex))
		s.a, s.b = pipe(t)
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		var script []wait
		for range 15 {
			script = append(script, waits[rng.IntN(len(waits))])
		}
		pairs.Go(func() { all[n].id, all[n].want = s.run(t, script) })
	}
	pairs.Wait()
	c := chain.New(read(t, snapshot(t, rec)).Spans())
	for _, r := range all {
		var got []string
		for _, op := range operations(c, r.id) {
			if waits := len(op.Children) > 0 && op.Children[0].Is(semconv.SpanBlock); !waits || op.Name == semconv.SpanGC || site(op) == "waiter" {
				continue // a system call, or a wait for the next round
			}
			got = append(got, line(op))
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("goroutine %d: got\n\t%s\nwant\n\t%s", r.id, strings.Join(got, "\n\t"), strings.Join(r.want, "\n\t"))
		}
	}
}

// run runs a script. It returns the number of the goroutine that waited, and its blocks as
// line should return them.
func (s *scene) run(t *testing.T, script []wait) (id int64, want []string) {
	turns, ids, done := make(chan wait), make(chan int64), make(chan struct{}, 1)
	go waiter(s, ids, turns, done)
	id = <-ids
	for _, w := range script {
		w.before(s)
		turns <- w
		if w.waiting != "" {
			parked(t, id, w.waiting)
		}
		w.wake(s)
		<-done
		_ = s.a.SetReadDeadline(time.Time{})
		want = append(want, strings.ReplaceAll(w.want, "WAKER", "schedread_test.truth.func1"))
	}
	close(turns)
	<-done
	return id, want
}

//go:noinline
func waiter(s *scene, ids chan<- int64, turns <-chan wait, done chan<- struct{}) {
	ids <- goroutine()
	for w := range turns {
		w.block(s)
		done <- struct{}{}
	}
	close(done)
}
