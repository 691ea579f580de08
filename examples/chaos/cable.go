package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// cable connects the two ends of a play: it is two TCP connections, and copies the bytes
// from one to the other.
type cable struct {
	up, down tamper // towards the server and towards the client; nil: the bytes pass unchanged
	rng      func(k uint64) *rand.Rand

	mute atomic.Bool // received bytes are discarded

	mu    sync.Mutex
	ends  []*net.TCPConn
	cut   bool
	pumps sync.WaitGroup
}

// tamper changes one direction of one cable. pass is called with each chunk that is
// received, and calls on with the bytes to send. It may do anything to the cable.
type tamper interface {
	pass(c *cable, rng *rand.Rand, chunk []byte, on func([]byte))
}

// nothing is a tamper that lets everything pass.
type nothing struct{}

func (nothing) pass(_ *cable, _ *rand.Rand, chunk []byte, on func([]byte)) { on(chunk) }

// dial connects the cable to addr, and returns the client's end. It is the DialContext of
// an http.Transport.
func (c *cable) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var d net.Dialer
	client, err := d.DialContext(ctx, network, l.Addr().String())
	if err != nil {
		return nil, err
	}
	near, err := l.Accept()
	if err != nil {
		_ = client.Close()
		return nil, err
	}
	far, err := d.DialContext(ctx, network, addr)
	if err != nil {
		_, _ = client.Close(), near.Close()
		return nil, err
	}
	a, b := near.(*net.TCPConn), far.(*net.TCPConn)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends = append(c.ends, a, b)
	if c.cut {
		c.close(0)
		return client, nil
	}
	c.pumps.Go(func() { c.pump(b, a, c.up, c.rng(1)) })
	c.pumps.Go(func() { c.pump(a, b, c.down, c.rng(2)) })
	return client, nil
}

// pump copies bytes from src to dst until either fails or ends.
func (c *cable) pump(dst, src *net.TCPConn, t tamper, rng *rand.Rand) {
	if t == nil {
		t = nothing{}
	}
	var failed error
	write := func(p []byte) {
		if len(p) > 0 && failed == nil {
			_, failed = dst.Write(p)
		}
	}
	buf := make([]byte, 8<<10)
	for {
		n, err := src.Read(buf)
		if n > 0 && !c.mute.Load() {
			t.pass(c, rng, buf[:n], write)
		}
		if failed != nil { // the received bytes cannot be delivered
			_ = src.SetLinger(0)
			_ = src.Close()
			return
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = dst.CloseWrite()
			return
		default: // a reset is passed on as a reset
			_ = dst.SetLinger(0)
			_ = dst.Close()
			return
		}
	}
}

// close closes both connections. linger is the argument of net.TCPConn.SetLinger: 0
// resets them. The caller holds c.mu.
func (c *cable) close(linger int) {
	c.cut = true
	for _, e := range c.ends {
		_ = e.SetLinger(linger)
		_ = e.Close()
	}
}

func (c *cable) end(linger int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.close(linger)
}

// remove resets what is left of the cable, and waits until its goroutines have ended.
func (c *cable) remove() {
	c.end(0)
	c.pumps.Wait()
}

// at is a tamper that calls do once, when n bytes have passed, with the rest of the chunk.
type at struct {
	n  int
	do func(c *cable, rng *rand.Rand, rest []byte, on func([]byte))
}

func (a *at) pass(c *cable, rng *rand.Rand, chunk []byte, on func([]byte)) {
	if a.do == nil || len(chunk) < a.n {
		a.n -= len(chunk)
		on(chunk)
		return
	}
	do := a.do
	a.do = nil
	on(chunk[:a.n])
	do(c, rng, chunk[a.n:], on)
}

// dribble is a tamper that lets the first bytes pass in pieces of up to 7.
type dribble struct{ bytes int }

func (d *dribble) pass(_ *cable, rng *rand.Rand, chunk []byte, on func([]byte)) {
	for d.bytes > 0 && len(chunk) > 0 {
		n := min(1+rng.IntN(7), len(chunk))
		on(chunk[:n])
		chunk, d.bytes = chunk[n:], d.bytes-n
	}
	on(chunk)
}

// stutter is a tamper that waits before some chunks, so that writers block.
type stutter struct{ longest time.Duration }

func (s stutter) pass(_ *cable, rng *rand.Rand, chunk []byte, on func([]byte)) {
	if rng.IntN(3) == 0 {
		time.Sleep(time.Duration(rng.Int64N(int64(s.longest))))
	}
	on(chunk)
}
