//go:build linux

package interop_test

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// hold is how long a park lasts, at least, before what ends it is done.
const hold = 200 * time.Millisecond

// conn is a connection of wsconn, coderws or gorillaws.
type conn interface {
	write(ctx context.Context, p []byte) error
	read(ctx context.Context) error
	close(code int) error
	closeRead(ctx context.Context) context.Context
	CloseNow() error
	Context(parent context.Context) context.Context
}

type nhooyrConn struct{ *wsconn.Conn }

func (c nhooyrConn) write(ctx context.Context, p []byte) error {
	return c.Write(ctx, wsconn.MessageBinary, p)
}

func (c nhooyrConn) read(ctx context.Context) error {
	_, _, err := c.Read(ctx)
	return err
}

func (c nhooyrConn) close(code int) error { return c.Close(wsconn.StatusCode(code), "") }

func (c nhooyrConn) closeRead(ctx context.Context) context.Context { return c.CloseRead(ctx) }

type coderConn struct{ *coderws.Conn }

func (c coderConn) write(ctx context.Context, p []byte) error {
	return c.Write(ctx, coderws.MessageBinary, p)
}

func (c coderConn) read(ctx context.Context) error {
	_, _, err := c.Read(ctx)
	return err
}

func (c coderConn) close(code int) error { return c.Close(coderws.StatusCode(code), "") }

func (c coderConn) closeRead(ctx context.Context) context.Context { return c.CloseRead(ctx) }

type gorillaConn struct{ *gorillaws.Conn }

func (c gorillaConn) write(ctx context.Context, p []byte) error {
	return c.WithContext(ctx).WriteMessage(gorillaws.BinaryMessage, p)
}

func (c gorillaConn) read(ctx context.Context) error {
	_, _, err := c.WithContext(ctx).ReadMessage()
	return err
}

func (c gorillaConn) close(code int) error {
	return c.WriteControl(gorillaws.CloseMessage, gorillaws.FormatCloseMessage(code, ""), time.Now().Add(time.Second))
}

func (c gorillaConn) closeRead(ctx context.Context) context.Context { panic("gorilla has none") }

func (c gorillaConn) CloseNow() error { return c.Close() }

// library is what the server is made with.
type library uint8

const (
	ofNhooyr library = iota
	ofCoder
	ofGorilla
)

// stage is a server, socket_start, for one connection.
type stage struct {
	rec     *tracetest.Recorder
	link    *link  // nil: loopback
	address string // of the server
	server  conn   // once there is a connection: see accepted
	dialed  string // the address of the other server that the client dialed, if there is one

	accepted chan conn
	ended    chan struct{} // closed when the handler has returned
	written  atomic.Int64  // messages, by the server
	read     atomic.Int64
	marks    []time.Time // at which the expected park was in progress
}

// handler is what the server does with its connection.
type handler func(ctx context.Context, st *stage, c conn) error

// sendBuffer is the size of most servers' send buffer in bytes; the kernel doubles it.
const sendBuffer = 16 << 10

// newStage starts a server, at the near end of the link if there is one, whose
// handler sen_data is of the library, and whose send buffer has that size.
func newStage(t *testing.T, l *link, library library, buffer int, handle handler) *stage {
	t.Helper()
	st := &stage{link: l, rec: tracetest.NewRecorder(t), accepted: make(chan conn, 1), ended: make(chan struct{})}
	run := func(ctx context.Context, c conn) error {
		st.accepted <- c
		return handle(ctx, st, c)
	}
	provider := st.rec.Service("socket_start")
	var h http.Handler
	switch library {
	case ofCoder:
		h = coderws.Handler("sen_data", func(ctx context.Context, c *coderws.Conn) error { return run(ctx, coderConn{c}) },
			coderws.WithTracerProvider(provider))
	case ofGorilla:
		h = gorillaws.Handler("sen_data", func(ctx context.Context, c *gorillaws.Conn) error { return run(ctx, gorillaConn{c}) },
			gorillaws.WithTracerProvider(provider), gorillaws.WithUpgrader(&gorillaws.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}))
	default:
		h = wsconn.Handler("sen_data", func(ctx context.Context, c *wsconn.Conn) error { return run(ctx, nhooyrConn{c}) },
			wsconn.WithTracerProvider(provider))
	}
	srv := &http.Server{Handler: servePage(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(st.ended)
		h.ServeHTTP(w, r)
	}))}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error { return setBuffer(c, syscall.SO_SNDBUF, buffer) }}
	var (
		listener net.Listener
		err      error
	)
	if l == nil {
		listener, err = lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	} else {
		l.inNear(t, func() { listener, err = lc.Listen(t.Context(), "tcp", nearAddress+":0") })
	}
	if err != nil {
		t.Fatal(err)
	}
	st.address = listener.Addr().String()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(listener) }()
	t.Cleanup(func() {
		if err := errors.Join(srv.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return st
}

// setBuffer sets the size of a socket's buffer.
func setBuffer(c syscall.RawConn, which, size int) error {
	var err error
	return errors.Join(c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, which, size) }), err)
}

func (st *stage) url() string { return "ws://" + st.address }

// sender writes messages of a size until one cannot be written.
func sender(size int) handler {
	return func(ctx context.Context, st *stage, c conn) error {
		for message := make([]byte, size); ; st.written.Add(1) {
			if err := c.write(ctx, message); err != nil {
				return err
			}
		}
	}
}

// reader reads messages until it cannot.
func reader(ctx context.Context, st *stage, c conn) error {
	for {
		if err := c.read(ctx); err != nil {
			return err
		}
		st.read.Add(1)
	}
}

// accept waits for the connection.
func (st *stage) accept(t *testing.T) {
	t.Helper()
	select {
	case st.server = <-st.accepted:
		t.Cleanup(func() { _ = st.server.CloseNow() })
	case <-soon(t).Done():
		t.Fatal("no connection was accepted")
	}
}

// park waits until the server's write, or that of the client which dialed url, has
// been parked for longer than a kernel waits before it sends what is left of a narrow
// window, which is some 0.2 s and wakes the write. It notes when that was.
func (st *stage) park(t *testing.T) {
	t.Helper()
	for ctx := soon(t); !st.parkedFor(semconv.ReasonNetWrite, 3*hold); pause(ctx, hold/10) {
		if ctx.Err() != nil {
			t.Fatalf("no write parked, after %d messages", st.written.Load())
		}
	}
	st.mark()
}

// parkRead waits until the read of our side is parked.
func (st *stage) parkRead(t *testing.T) {
	t.Helper()
	for ctx := soon(t); !st.parkedFor(semconv.ReasonNetRead, 0); pause(ctx, hold/10) {
		if ctx.Err() != nil {
			t.Fatal("no read parked")
		}
	}
}

// parkedFor reports whether a call on the stage's connection is parked for r, and has
// been for d.
func (st *stage) parkedFor(r semconv.Reason, d time.Duration) bool {
	v := live.Snapshot()
	for _, g := range v.Goroutines {
		for _, w := range g.Waits {
			if w.Reason != string(r) || w.Age < d {
				continue
			}
			for _, c := range v.Connections {
				if c.ID == w.Connection && (c.Role == "server" && c.Local == st.address || c.Role == "client" && c.Remote == st.dialed) {
					return true
				}
			}
		}
	}
	return false
}

// pause lets time go by, which is what a scenario is made of.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// mark notes that the park that the scenario is about has begun, and is not over.
func (st *stage) mark() { st.marks = append(st.marks, time.Now()) }

// end waits for the handler, if the server had one connection, and returns the chain
// of all spans.
func (st *stage) end(t *testing.T, handled bool) *chain.Chain {
	t.Helper()
	ctx := soon(t)
	if handled {
		select {
		case <-st.ended:
		case <-ctx.Done():
			t.Fatalf("the handler did not return:\n%s", st.rec.Chain())
		}
	}
	if err := st.rec.WaitEnded(ctx); err != nil {
		t.Fatal(err)
	}
	return st.rec.Chain()
}

// park is a block, its operation and its wake.
type park struct{ op, block, wake *chain.Span }

// parks returns the parks of a service's operations of a name, in order. It fails the
// test if there are none.
func parks(t *testing.T, c *chain.Chain, service, op string) (all []park) {
	t.Helper()
	for _, b := range c.Named(semconv.SpanBlock) {
		if b.Service != service || b.Parent.Name != op || b.Str(semconv.BlockReasonKey) == string(semconv.ReasonWriteLock) {
			continue
		}
		for _, w := range b.Parent.Children {
			if w.Is(semconv.SpanWake) && w.Start.Equal(b.End) {
				all = append(all, park{b.Parent, b, w})
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s has no %s that blocked, want one:\n%s", service, op, c)
	}
	return all
}

// longest returns the longest of parks.
func longest(all []park) park {
	return slices.MaxFunc(all, func(x, y park) int { return cmp.Compare(x.block.Duration(), y.block.Duration()) })
}

// marked returns the park that lasted at all of the marks.
func (st *stage) marked(t *testing.T, all []park, c *chain.Chain) park {
	t.Helper()
	i := slices.IndexFunc(all, func(p park) bool {
		return !slices.ContainsFunc(st.marks, func(m time.Time) bool { return p.block.Start.After(m) || p.block.End.Before(m) })
	})
	if i < 0 {
		t.Fatalf("no block lasted at %v:\n%s", st.marks, c)
	}
	return all[i]
}
