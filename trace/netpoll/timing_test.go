package netpoll_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// blocks is a Timer that keeps how long reads were blocked.
type blocks struct {
	mu    sync.Mutex
	all   []time.Duration
	since time.Time // of a park that is reported as to any Observer
}

func (b *blocks) Blocked(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, d)
}

func (b *blocks) Park(p netpoll.Park) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since = p.At
}

func (b *blocks) Wake(w netpoll.Wake) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.Reason != "" {
		b.all = append(b.all, w.At.Sub(b.since))
	}
}

// take returns the blocks since it was last called.
func (b *blocks) take() (all []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	all, b.all = b.all, nil
	return all
}

// A Timer is called for each read that was blocked, whatever ended that, and for no
// other.
func TestTimeRead(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			nc, peer := pair(t, network)
			c := netpoll.Wrap(nc)
			timer := new(blocks)
			c.TimeRead(timer)
			p := make([]byte, 8)
			blocked := func(what string, wake func()) {
				t.Helper()
				before := time.Now()
				r := begin(func() (int, error) { return c.Read(p) }).parked(t, "IO wait")
				parked := time.Now()
				if since := c.TimedPark(); since.Before(before) || since.After(parked) {
					t.Errorf("%s: got a park since %v, want one from %v to %v", what, since, before, parked)
				}
				wake()
				_, _ = r.wait()
				took := time.Since(before)
				if all := timer.take(); len(all) != 1 || all[0] <= 0 || all[0] > took {
					t.Errorf("%s: got blocks of %v, want one within %v", what, all, took)
				}
				if since := c.TimedPark(); !since.IsZero() {
					t.Errorf("%s: got a park since %v after it", what, since)
				}
			}
			blocked("a message", func() { _, _ = peer.Write([]byte("abc")) })
			_, _ = peer.Write([]byte("abc"))
			until(t, "the message", func() bool { n, known := c.Unread(); return !known || n == 3 })
			if n, err := c.Read(p); n != 3 || err != nil {
				t.Errorf("got %d, %v, want 3, nil", n, err)
			}
			if all := timer.take(); len(all) != 0 {
				t.Errorf("got blocks of %v of a read that was not blocked", all)
			}
			blocked("a deadline", func() { _ = c.SetReadDeadline(time.Now().Add(-time.Second)) })
			_ = c.SetReadDeadline(time.Time{})
			blocked("a close", func() { _ = c.Close() })
		})
	}
}

// The next observer replaces a Timer.
func TestTimeReadEnds(t *testing.T) {
	nc, peer := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	timer, observer := new(blocks), new(blocks)
	c.TimeRead(timer)
	c.ObserveRead(observer)
	r := begin(func() (int, error) { return c.Read(make([]byte, 8)) }).parked(t, "IO wait")
	_, _ = peer.Write([]byte("abc"))
	if n, err := r.wait(); n != 3 || err != nil {
		t.Errorf("got %d, %v, want 3, nil", n, err)
	}
	if got, late := len(observer.take()), len(timer.take()); got != 1 || late != 0 {
		t.Errorf("got %d blocks, and %d of the Timer, want 1 and none", got, late)
	}
}

// A read with a Timer allocates nothing, nor does one that is blocked.
func TestTimeReadAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	nc, peer := pair(t, "tcp")
	c := netpoll.Wrap(nc)
	c.TimeRead(ignored{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		p := make([]byte, 8)
		for {
			n, err := peer.Read(p)
			if err != nil {
				return
			}
			_, _ = peer.Write(p[:n])
		}
	}()
	p := make([]byte, 8)
	if got := testing.AllocsPerRun(1000, func() {
		_, _ = c.Write(p)
		if _, err := io.ReadFull(c, p); err != nil {
			t.Error(err)
		}
	}); got != 0 {
		t.Errorf("got %v allocations", got)
	}
	_ = c.Close()
	<-ctx.Done()
}

// ignored is a Timer that does nothing.
type ignored struct{}

func (ignored) Blocked(time.Duration) {}
func (ignored) Park(netpoll.Park)     {}
func (ignored) Wake(netpoll.Wake)     {}
