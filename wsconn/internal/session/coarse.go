package session

import (
	"sync"
	"sync/atomic"
	"time"
)

// The coarse clock gives the times of frames on unsampled connections without reading the
// real clock. A timer advances it as long as there is such a connection. Its times are
// milliseconds since the program began.

// coarseTick is the clock's resolution.
const coarseTick = 25 * time.Millisecond

var (
	clockBase = time.Now()
	coarse    atomic.Int64
	ticking   ticker
)

func clockNow() int64             { return time.Since(clockBase).Milliseconds() }
func clockTime(n int64) time.Time { return clockBase.Add(time.Duration(n) * time.Millisecond) }

// ticker advances the clock, and checks the parked operations at every tick.
type ticker struct {
	mu    sync.Mutex
	users int
	turn  int // of the running timer; an older one stops by itself
	timer bool
}

// use is called when a connection begins to use the clock. A timer of a
// testing/synctest bubble stops with the bubble; use replaces it.
func (t *ticker) use() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.users++
	late := clockNow() - coarse.Load()
	if t.timer && late > 0 && late < 40*coarseTick.Milliseconds() {
		return
	}
	t.turn++
	t.timer = true
	t.again(t.turn)
}

// done is called when a connection stops using the clock.
func (t *ticker) done() {
	t.mu.Lock()
	t.users--
	t.mu.Unlock()
}

func (t *ticker) again(turn int) {
	coarse.Store(clockNow())
	time.AfterFunc(coarseTick, func() { t.tick(turn) })
}

func (t *ticker) tick(turn int) {
	t.mu.Lock()
	if turn != t.turn {
		t.mu.Unlock()
		return
	}
	if t.users == 0 {
		t.timer = false
		t.mu.Unlock()
		return
	}
	t.again(turn)
	t.mu.Unlock()
	parked.look()
}
