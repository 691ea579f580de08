package main

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// bareConn is a connection of a library without contexts. Its caller ensures that only
// one goroutine writes at a time.
type bareConn interface {
	read(ctx context.Context) ([]byte, error)
	reader(ctx context.Context) (io.Reader, error)
	write(ctx context.Context, text bool, p []byte) error
	writer(ctx context.Context, text bool) (io.WriteCloser, error)
	control(ctx context.Context, opcode int, p []byte) error
	close() error
	readBy(t time.Time) error
	limit(n int64)
	Context(ctx context.Context) context.Context
}

// contextless is a conn over such a connection. It does what a program must do by itself:
// a context that ends sets a deadline or closes the connection, and writes wait for one
// another. gorilla panics on two concurrent writes, but only if it notices them: its check
// is itself a data race.
type contextless struct {
	bareConn
	over    context.Context // of the play
	message chan struct{}   // held while a message is written
	call    sync.Mutex      // held inside the library's writing methods
	closed  chan struct{}
	gone    chan struct{} // closed when a read has failed

	closedOnce, goneOnce sync.Once
	free                 bool // control frames need no lock
}

func newContextless(ctx context.Context, c bareConn, free bool) *contextless {
	return &contextless{bareConn: c, over: ctx, message: make(chan struct{}, 1), closed: make(chan struct{}), gone: make(chan struct{}), free: free}
}

// bound calls do when ctx ends, unless unbind is called before. If do has begun, unbind
// waits for it.
func bound(ctx context.Context, do func()) (unbind func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { defer close(done); do() })
	return func() {
		if !stop() {
			<-done
		}
	}
}

var past = time.Unix(1, 0)

func (c *contextless) reading(ctx context.Context) func() {
	return bound(ctx, func() { _ = c.readBy(past) })
}

// ended notes that reads have ended, if err is not nil.
func (c *contextless) ended(err error) {
	if err != nil {
		c.goneOnce.Do(func() { close(c.gone) })
	}
}

func (c *contextless) Read(ctx context.Context) ([]byte, error) {
	defer c.reading(ctx)()
	p, err := c.read(ctx)
	c.ended(err)
	return p, err
}

func (c *contextless) Reader(ctx context.Context) (io.Reader, error) {
	defer c.reading(ctx)()
	r, err := c.reader(ctx)
	if c.ended(err); err != nil {
		return nil, err
	}
	return readerFunc(func(p []byte) (int, error) {
		defer c.reading(ctx)()
		n, err := r.Read(p)
		if !errors.Is(err, io.EOF) {
			c.ended(err)
		}
		return n, err
	}), nil
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// writing waits until no other message is being written, or the connection is closed. If
// ctx ends before leave is called, the connection is closed.
func (c *contextless) writing(ctx context.Context) (leave func()) {
	unbind := bound(ctx, func() { _ = c.CloseNow() })
	select {
	case c.message <- struct{}{}:
		return func() { <-c.message; unbind() }
	case <-c.closed:
		return unbind
	}
}

func (c *contextless) Write(ctx context.Context, text bool, p []byte) error {
	defer c.writing(ctx)()
	c.call.Lock()
	defer c.call.Unlock()
	return c.write(ctx, text, p)
}

func (c *contextless) Writer(ctx context.Context, text bool) (io.WriteCloser, error) {
	leave := c.writing(ctx)
	c.call.Lock()
	defer c.call.Unlock()
	w, err := c.writer(ctx, text)
	if err != nil {
		leave()
		return nil, err
	}
	return &messageWriter{c: c, w: w, leave: sync.OnceFunc(leave)}, nil
}

type messageWriter struct {
	c     *contextless
	w     io.WriteCloser
	leave func()
}

func (m *messageWriter) Write(p []byte) (int, error) {
	m.c.call.Lock()
	defer m.c.call.Unlock()
	return m.w.Write(p)
}

func (m *messageWriter) Close() error {
	defer m.leave()
	m.c.call.Lock()
	defer m.c.call.Unlock()
	return m.w.Close()
}

func (c *contextless) send(ctx context.Context, opcode int, p []byte) error {
	defer bound(ctx, func() { _ = c.CloseNow() })()
	if !c.free {
		c.call.Lock()
		defer c.call.Unlock()
	}
	return c.control(ctx, opcode, p)
}

// Ping sends a ping. Like the libraries, it does not wait for the pong.
func (c *contextless) Ping(ctx context.Context) error { return c.send(ctx, 9, []byte("ping")) }

// Close sends a close frame, waits until a read has failed, which it does at the peer's
// close frame, and closes the connection.
func (c *contextless) Close(code int, reason string) error {
	err := c.send(c.over, 8, ws.NewCloseFrameBody(ws.StatusCode(code), reason))
	if err == nil {
		select {
		case <-c.gone:
		case <-c.closed:
		case <-c.over.Done():
		}
	}
	return errors.Join(err, c.CloseNow())
}

// CloseNow closes the connection. Then the writes that wait for another message go on,
// although that message may be unfinished: gorilla ends it when the next one begins.
func (c *contextless) CloseNow() error {
	err := c.close()
	c.closedOnce.Do(func() { close(c.closed) })
	return err
}

func (c *contextless) SetReadLimit(n int64) { c.limit(n) }
