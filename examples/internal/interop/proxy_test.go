//go:build linux

package interop_test

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// proxy is a TCP proxy, as in front of many servers: it writes what it reads from one
// side to the other, until it is stopped.
type proxy struct {
	l      net.Listener
	target string
	wg     sync.WaitGroup

	mu      sync.Mutex
	goesOn  sync.Cond
	stopped bool
	over    bool
	pace    time.Duration // for each kilobyte
	conns   []*net.TCPConn
}

// newProxy starts a proxy before the server at target.
func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: target}
	p.goesOn.L = &p.mu
	p.wg.Go(func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			p.join(t, down.(*net.TCPConn))
		}
	})
	t.Cleanup(func() {
		p.mu.Lock()
		p.over = true
		p.goesOn.Broadcast()
		conns := p.conns
		p.mu.Unlock()
		_ = l.Close()
		for _, c := range conns {
			_ = c.Close()
		}
		p.wg.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.l.Addr().String() }

// join connects what was accepted with the server.
func (p *proxy) join(t *testing.T, client *net.TCPConn) {
	// A small buffer, so that the server notices soon that the proxy stops.
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return setBuffer(c, syscall.SO_RCVBUF, 8<<10) }}
	up, err := d.Dial("tcp", p.target)
	if err != nil {
		t.Error(err)
		_ = client.Close()
		return
	}
	server := up.(*net.TCPConn)
	p.mu.Lock()
	p.conns = append(p.conns, client, server)
	p.mu.Unlock()
	p.wg.Go(func() { p.copy(server, client) })
	p.wg.Go(func() { p.copy(client, server) })
}

func (p *proxy) copy(to, from *net.TCPConn) {
	buf := make([]byte, 1<<10)
	for p.may() {
		n, err := from.Read(buf)
		if !p.may() {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			_ = from.Close() // as nobody takes what it says
			return
		}
		if err != nil {
			_ = to.CloseWrite()
			return
		}
	}
}

// may waits until the proxy goes on. It reports whether there is more to do.
func (p *proxy) may() bool {
	p.mu.Lock()
	for p.stopped && !p.over {
		p.goesOn.Wait()
	}
	over, pace := p.over, p.pace
	p.mu.Unlock()
	if pace > 0 {
		<-time.After(pace)
	}
	return !over
}

// stop makes it neither read nor write, until resume.
func (p *proxy) stop() { p.set(func() { p.stopped = true }) }

func (p *proxy) resume() { p.set(func() { p.stopped = false }) }

// throttle makes it wait before each kilobyte that it takes.
func (p *proxy) throttle(pace time.Duration) { p.set(func() { p.pace = pace }) }

func (p *proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	p.goesOn.Broadcast()
}

// reset resets the connections on both sides.
func (p *proxy) reset(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		if err := errors.Join(c.SetLinger(0), c.Close()); err != nil {
			t.Error(err)
		}
	}
}
