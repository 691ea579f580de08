package wstest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// conn has the methods that both libraries' connections have, with their types.
type conn[M, S ~int] interface {
	comparable
	Read(ctx context.Context) (M, []byte, error)
	Write(ctx context.Context, typ M, p []byte) error
	Ping(ctx context.Context) error
	CloseRead(ctx context.Context) context.Context
	Close(code S, reason string) error
	CloseNow() error
	SetReadLimit(n int64)
	Context(parent context.Context) context.Context
}

// bubble runs both libraries' version of a test in a bubble.
func bubble(t *testing.T, nhooyr func(*testing.T, func(testing.TB, ...wstest.Option) (_, _ *wsconn.Conn)),
	coder func(*testing.T, func(testing.TB, ...wstest.Option) (_, _ *coderws.Conn)),
) {
	t.Helper()
	t.Run("nhooyr", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { nhooyr(t, wstest.Pipe) }) })
	t.Run("coder", func(t *testing.T) { synctest.Test(t, func(t *testing.T) { coder(t, wstest.CoderPipe) }) })
}

const text = 1 // of both libraries' message types

func TestPipe(t *testing.T) { bubble(t, testPipe, testPipe) }

// Messages arrive in both directions, whatever the network does to their bytes, and take
// only the network's time. A close works, too.
func testPipe[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	for name, opts := range map[string][]wstest.Option{
		"plain":  {nil},
		"small":  {wstest.WithWindow(1)},
		"chunks": {wstest.WithChunks(3), wstest.WithWindow(10)},
	} {
		start := time.Now()
		client, server := pipe(t, opts...)
		for _, c := range [][2]C{{client, server}, {server, client}} {
			from, to := c[0], c[1]
			msg := bytes.Repeat([]byte("hello"), 400)
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := from.Write(t.Context(), text, msg); err != nil {
					t.Errorf("%s: write: %v", name, err)
				}
			})
			typ, got, err := to.Read(t.Context())
			if err != nil || typ != text || !bytes.Equal(got, msg) {
				t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(msg))
			}
			wg.Wait()
		}
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = server.Read(t.Context()) })
		if err := client.Close(1000, ""); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
		wg.Wait()
		if d := time.Since(start); d != 0 {
			t.Errorf("%s: took %v", name, d)
		}
	}
}

func TestPipeLatency(t *testing.T) { bubble(t, testPipeLatency, testPipeLatency) }

// The handshake takes one round trip, and a ping another.
func testPipeLatency[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	start := time.Now()
	client, server := pipe(t, wstest.WithLatency(20*time.Millisecond))
	if got, want := time.Since(start), 40*time.Millisecond; got != want {
		t.Errorf("connected after %v, want %v", got, want)
	}
	ctx := t.Context()
	client.CloseRead(ctx)
	server.CloseRead(ctx)
	start = time.Now()
	if err := client.Ping(ctx); err != nil || time.Since(start) != 40*time.Millisecond {
		t.Errorf("ping: %v after %v, want 40ms", err, time.Since(start))
	}
}

func TestPipeKeepalive(t *testing.T) { bubble(t, testPipeKeepalive, testPipeKeepalive) }

// A ping every half minute finds the peer that stopped. In a bubble, days pass at once.
func testPipeKeepalive[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	nc, ns := wstest.NetPipe()
	client, server := pipe(t, wstest.WithConns(nc, ns))
	client.CloseRead(t.Context())
	server.CloseRead(t.Context())
	start := time.Now()
	time.AfterFunc(48*time.Hour+time.Second, ns.StopReading)
	var err error
	for err == nil {
		time.Sleep(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err = client.Ping(ctx)
		cancel()
	}
	if got, want := time.Since(start), 48*time.Hour+40*time.Second; !errors.Is(err, context.DeadlineExceeded) || got != want {
		t.Errorf("got %v after %v, want the deadline after %v", err, got, want)
	}
}

func TestPipeCloseTimeout(t *testing.T) { bubble(t, testPipeCloseTimeout, testPipeCloseTimeout) }

// The library waits five seconds for the answer to a close frame.
func testPipeCloseTimeout[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	client, _ := pipe(t)
	start := time.Now()
	_ = client.Close(1000, "") // nhooyr's returns no error
	if got := time.Since(start); got != 5*time.Second {
		t.Errorf("took %v, want 5s", got)
	}
}

func TestPipeLeft(t *testing.T) { bubble(t, testPipeLeft, testPipeLeft) }

// A test may leave both ends open, with calls in progress.
func testPipeLeft[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	client, server := pipe(t, wstest.WithWindow(10))
	go func() { _ = client.Write(context.Background(), text, make([]byte, 1000)) }()
	go func() { _ = server.Write(context.Background(), text, make([]byte, 1000)) }()
	server.CloseRead(context.Background())
	synctest.Wait()
}

func TestPipeCut(t *testing.T) { bubble(t, testPipeCut, testPipeCut) }

// The stream ends, or the connection is reset, in the middle of a frame.
func testPipeCut[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	for _, tt := range []struct {
		name string
		cut  func(ns *wstest.Conn)
		want error
	}{
		{"cut", func(ns *wstest.Conn) { ns.CutAfter(7) }, io.ErrUnexpectedEOF},
		{"half-close", func(ns *wstest.Conn) { _ = ns.CloseWrite() }, io.EOF},
		{"reset", func(ns *wstest.Conn) { _ = ns.Reset() }, syscall.ECONNRESET},
	} {
		nc, ns := wstest.NetPipe()
		client, server := pipe(t, wstest.WithConns(nc, ns))
		tt.cut(ns)
		_ = server.Write(t.Context(), text, make([]byte, 100))
		if _, _, err := client.Read(t.Context()); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestPipeSpans(t *testing.T) { bubble(t, testPipeSpans, testPipeSpans) }

// Both ends are in one trace below the context's span. Each uses the provider of its
// options; without one, the context's.
func testPipeSpans[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	ctx, rec := record(t)
	ctx, op := trace.Start(ctx, "root")
	pipe(t, wstest.WithContext(ctx))
	pipe(t, wstest.WithContext(ctx),
		wstest.WithServer(wsconn.WithTracerProvider(rec.Service("server"))), wstest.WithClient(wsconn.WithTracerProvider(rec.Service("client"))))
	op.End(nil)
	tracetest.AssertTree(t, rec.Chain(), `
		root
			handshake [] {kind=client}
				...
				handshake [] {kind=server} ...
				...
			handshake [client] {kind=client}
				...
				handshake [server] {kind=server} ...
				...
	`)
}

func TestPipeStalled(t *testing.T) { bubble(t, testPipeStalled, testPipeStalled) }

// Wakes link to the operations of the messages.
func testPipeStalled[M, S ~int, C conn[M, S]](t *testing.T, pipe func(testing.TB, ...wstest.Option) (C, C)) {
	ctx, rec := record(t)
	client, server := pipe(t, wstest.WithContext(ctx), wstest.WithWindow(256))
	var wg sync.WaitGroup
	wg.Go(func() { _, _, _ = client.Read(ctx) })
	time.Sleep(second)
	_ = server.Write(ctx, text, make([]byte, 10))
	wg.Wait()
	c := rec.Chain()
	tracetest.AssertTree(t, c, `
		read -> write
			block 1s {block.reason=net.read, block.source=memory}
			wake {wake.reason=readable} -> write
	`, tracetest.Below(tracetest.One(t, c, "read")))

	wg.Go(func() { _ = server.Write(ctx, text, make([]byte, 300)) })
	time.Sleep(2 * second)
	_, _, _ = client.Read(ctx)
	wg.Wait()
	c = rec.Chain()
	tracetest.AssertTree(t, c, `
		write
			block 2s {block.reason=net.write, block.cause=peer_window, block.source=memory}
			wake {wake.reason=peer_read} -> read
	`, tracetest.Below(tracetest.One(t, c, "write {websocket.message.size=300}")))
}

// A pipe works outside of a bubble, too, in real time.
func TestPipeRealTime(t *testing.T) {
	client, server := wstest.Pipe(t, wstest.WithLatency(time.Millisecond), wstest.WithWindow(10))
	go func() { _ = server.Write(t.Context(), text, []byte("more than ten bytes")) }()
	if _, got, err := client.Read(t.Context()); string(got) != "more than ten bytes" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// fakeTB records the failure of a helper that is tested.
type fakeTB struct {
	testing.TB
	failed string
	ctx    context.Context
}

func (f *fakeTB) Helper()                  {}
func (f *fakeTB) Context() context.Context { return f.ctx }
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.failed = strings.TrimSpace(strings.Split(format, "%")[0])
	for _, a := range args {
		if err, ok := a.(error); ok {
			f.failed += " " + err.Error()
		}
	}
	panic(f)
}

// A pipe that cannot connect fails the test, and leaves nothing behind.
func TestPipeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		nc, ns := wstest.NetPipe()
		ns.StopReading()
		f := &fakeTB{TB: t, ctx: ctx}
		func() {
			defer func() { _ = recover() }()
			wstest.Pipe(f, wstest.WithConns(nc, ns))
		}()
		if !strings.HasPrefix(f.failed, "wstest: connect: failed to WebSocket dial") || !strings.HasSuffix(f.failed, "context deadline exceeded") {
			t.Errorf("got %q", f.failed)
		}
		if _, err := nc.Write([]byte("a")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the connection was left open: %v", err)
		}
	})
}
