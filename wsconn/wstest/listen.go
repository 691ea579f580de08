package wstest

import (
	"context"
	"net"
	"os"
	"sync"
	"syscall"
)

// Listener is a net.Listener in memory, for an http.Server, and the dialer of its
// clients, for an http.Transport. Its methods may be called concurrently.
type Listener struct {
	pipe   func() (client, server *Conn)
	conns  chan *Conn
	closed chan struct{}
	once   sync.Once
}

// Listen returns a listener whose connections are those of [NetPipe] with opts.
// In a synctest bubble it belongs to the bubble.
//
//	l := wstest.Listen(wstest.WithWindow(4096))
//	go srv.Serve(l)
//	client := &http.Client{Transport: &http.Transport{DialContext: l.DialContext}}
func Listen(opts ...Option) *Listener { return newListener(newConfig(opts).netPipe) }

func newListener(pipe func() (client, server *Conn)) *Listener {
	return &Listener{pipe: pipe, conns: make(chan *Conn), closed: make(chan struct{})}
}

// Accept waits for the next connection; after Close it returns net.ErrClosed.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// DialContext connects to the listener, whatever the network and the address. It
// waits for Accept; after Close it returns syscall.ECONNREFUSED.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := l.pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		err = os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case <-ctx.Done():
		err = ctx.Err()
	}
	return nil, &net.OpError{Op: "dial", Net: l.Addr().Network(), Addr: l.Addr(), Err: err}
}

// Close ends Accept and DialContext, those in progress too. Connections go on.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr returns the address of the server's ends.
func (l *Listener) Addr() net.Addr { return addr("server") }
