package netpoll_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// record returns a context whose spans go to the recorder. The SDK makes them or, if
// .ci/run asks for that, a lean provider.
func record(t *testing.T, opts ...trace.Option) (context.Context, *tracetest.Recorder) {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	tp := oteltrace.TracerProvider(rec.TracerProvider())
	if os.Getenv("WAKECHAIN_LEAN") != "" {
		tp = lean.NewTracerProvider(lean.WithSpanProcessor(rec.SpanProcessor()))
	}
	opts = append([]trace.Option{trace.WithTracerProvider(tp)}, opts...)
	return trace.New(opts...).NewContext(t.Context()), rec
}

// pair returns the two ends of a connection: the one to test and its peer.
// Networks are those of net.Dial, "pipe" for net.Pipe, and "timed" for a TCP
// conn whose type hides its descriptor.
func pair(t *testing.T, network string) (c, peer net.Conn) {
	t.Helper()
	c, peer, err := connect(network, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	return c, peer
}

func connect(network, dir string) (c, peer net.Conn, err error) {
	listen, address := network, "127.0.0.1:0"
	switch network {
	case "pipe":
		c, peer = net.Pipe()
		return c, peer, nil
	case "timed":
		listen = "tcp"
	case "unix":
		address = filepath.Join(dir, "s")
	}
	l, err := net.Listen(listen, address)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if c, err = net.Dial(listen, l.Addr().String()); err != nil {
		return nil, nil, err
	}
	if peer, err = l.Accept(); err != nil {
		return nil, nil, err
	}
	for _, nc := range []net.Conn{c, peer} { // small, so that a writer parks soon, yet of two segments on loopback at least
		small := nc.(interface {
			SetReadBuffer(bytes int) error
			SetWriteBuffer(bytes int) error
		})
		_, _ = small.SetReadBuffer(128<<10), small.SetWriteBuffer(64<<10)
	}
	if network == "timed" {
		c = struct{ net.Conn }{c}
	}
	return c, peer, nil
}

// call is a Read or Write in a goroutine of its own.
type call struct {
	id   int64
	done chan result
}

type result struct {
	n   int
	err error
}

func begin(f func() (int, error)) *call {
	id, c := make(chan int64), &call{done: make(chan result, 1)}
	go func() {
		id <- goroutine()
		n, err := f()
		c.done <- result{n, err}
	}()
	c.id = <-id
	return c
}

func (c *call) wait() (int, error) {
	r := <-c.done
	return r.n, r.err
}

// parked waits until the call's goroutine is parked, in the state that a stack
// dump names.
func (c *call) parked(t *testing.T, state string) *call {
	t.Helper()
	buf, line := make([]byte, 1<<20), fmt.Sprintf("goroutine %d [%s", c.id, state)
	until(t, line, func() bool { return strings.Contains(string(buf[:runtime.Stack(buf, true)]), line) })
	return c
}

// parkState is how a stack dump calls a goroutine that is parked in a call on
// the network.
func parkState(network string) string {
	if network == "pipe" {
		return "select"
	}
	return "IO wait"
}

// goroutine returns the runtime's ID of the calling goroutine.
func goroutine() (id int64) {
	var buf [64]byte
	_, _ = fmt.Sscanf(string(buf[:runtime.Stack(buf[:], false)]), "goroutine %d ", &id)
	return id
}

// until waits for a condition that another goroutine makes true.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}

// start begins an operation and makes it the conn's observer.
func start(ctx context.Context, c *netpoll.Conn, r semconv.Reason) trace.Op {
	name, observe := semconv.SpanRead, c.TraceRead
	if r == semconv.ReasonNetWrite {
		name, observe = semconv.SpanWrite, c.TraceWrite
	}
	_, op := trace.Start(ctx, name)
	identities.Store(op, op.SpanContext())
	observe(op)
	return op
}

// identities are the span contexts of operations: an operation that has ended does not
// return its own.
var identities sync.Map

func identity(op trace.Op) oteltrace.SpanContext {
	if sc, ok := identities.Load(op); ok {
		return sc.(oteltrace.SpanContext)
	}
	return op.SpanContext()
}

// spanOf is the span of an operation, which its blocks and wakes tile, each for
// some time.
func spanOf(t *testing.T, rec *tracetest.Recorder, op trace.Op) (*chain.Chain, *chain.Span) {
	t.Helper()
	c := rec.Chain()
	span := c.Lookup(identity(op).TraceID(), identity(op).SpanID())
	tracetest.AssertTiled(t, span)
	for _, s := range span.Children {
		if s.Duration() <= 0 {
			t.Errorf("%s lasts %v", s, s.End.Sub(s.Start))
		}
	}
	return c, span
}

// wantEdges compares the blocks and wakes of an operation, without what was
// measured.
func wantEdges(t *testing.T, rec *tracetest.Recorder, op trace.Op, want string) {
	t.Helper()
	c, span := spanOf(t, rec, op)
	tracetest.AssertTree(t, c, want, tracetest.Below(span), tracetest.TrimPrefix("block.", "wake."),
		tracetest.Exact(semconv.BlockReasonKey, semconv.BlockSourceKey, semconv.WakeReasonKey, semconv.WakeCauseKey))
}
