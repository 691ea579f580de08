//go:build linux

package explain_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// Scenarios: what happens to a real connection, and which cause and wake the spans must
// have. Each park lasts for at least hold, since the kernel's counters measure time. No
// scenario compares with a fixed time, only with shares of the park and with order.

// hold is how long a park lasts.
const hold = 300 * time.Millisecond

// stage is a connection between socket_get, the client, and socket_start, over sockets
// with small buffers.
type stage struct {
	t              *testing.T
	spans          *tracetest.InMemoryExporter
	client, server *wsconn.Conn
	clientTCP      *net.TCPConn
	written        atomic.Int64 // messages, by both ends
}

// buffers are the sizes of a socket's buffers in bytes. 0 leaves the system's default.
type buffers struct{ read, write int }

func (b buffers) control(_, _ string, c syscall.RawConn) error {
	var errs []error
	errs = append(errs, c.Control(func(fd uintptr) {
		for opt, n := range map[int]int{syscall.SO_RCVBUF: b.read, syscall.SO_SNDBUF: b.write} {
			if n > 0 {
				errs = append(errs, syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, opt, n))
			}
		}
	}))
	return errors.Join(errs...)
}

// place says where the two ends are.
type place struct {
	address string
	buffers buffers
	in      func(server bool, f func()) // runs f at one end
}

var loopback = place{"127.0.0.1:0", buffers{4 << 10, 16 << 10}, func(_ bool, f func()) { f() }}

// newStage connects the two ends. via returns the address to dial for the server's; nil
// dials the server directly.
func newStage(t *testing.T, at place, via func(address string) string) *stage {
	t.Helper()
	st := &stage{t: t, spans: tracetest.NewInMemoryExporter()}
	accepted := make(chan *wsconn.Conn, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wsconn.Accept(w, r, nil, wsconn.WithTracerProvider(st.provider("socket_start")))
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	})}
	var (
		l   net.Listener
		err error
	)
	at.in(true, func() {
		lc := net.ListenConfig{Control: at.buffers.control}
		l, err = lc.Listen(t.Context(), "tcp", at.address)
	})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(srv.Close(), <-served); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})

	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (nc net.Conn, err error) {
		at.in(false, func() {
			d := net.Dialer{Control: at.buffers.control}
			nc, err = d.DialContext(ctx, network, address)
			st.clientTCP, _ = nc.(*net.TCPConn)
		})
		return nc, err
	}}
	address := l.Addr().String()
	if via != nil {
		address = via(address)
	}
	st.client, _, err = wsconn.Dial(t.Context(), "ws://"+address,
		&wsconn.DialOptions{HTTPClient: &http.Client{Transport: transport}},
		wsconn.WithTracerProvider(st.provider("socket_get")))
	if err != nil {
		t.Fatal(err)
	}
	st.server = <-accepted
	t.Cleanup(func() { _, _ = st.client.CloseNow(), st.server.CloseNow() })
	return st
}

func (st *stage) provider(service string) *sdktrace.TracerProvider {
	return sdktrace.NewTracerProvider(sdktrace.WithSyncer(st.spans), sdktrace.WithResource(
		resource.NewSchemaless(attribute.String("service.name", service), attribute.String("host.name", "box"))))
}

// send writes messages on the connection, in a goroutine of that name, until
// one fails.
func (st *stage) send(ctx context.Context, name string, c *wsconn.Conn) *trace.Task {
	return trace.Go(c.Context(ctx), name, func(ctx context.Context) error {
		message := make([]byte, 400)
		for {
			if err := c.Write(ctx, wsconn.MessageBinary, message); err != nil {
				return err
			}
			st.written.Add(1)
		}
	})
}

// park waits until the write has been parked for longer than ever before, by hold at
// least. Before that, a kernel wakes it when it sends what is left of a narrow window, 0.2,
// 0.6 or 1.4 s after the park. Looks are counted, too: the clock runs on while the program
// gets no processor.
func (st *stage) park() {
	last, since, looks, most := int64(-1), time.Now(), 0, time.Duration(0)
	for ; looks < 90 || time.Since(since) < most+hold; <-time.After(hold / 30) {
		looks++
		if now := st.written.Load(); now != last {
			most = max(most, time.Since(since))
			last, since, looks = now, time.Now(), 0
		}
	}
}

// resume reads on the client until the server writes again, and then closes.
func (st *stage) resume(t *testing.T) {
	for before := st.written.Load(); st.written.Load() < before+50; {
		if _, _, err := st.client.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_ = st.client.CloseNow()
}

// ended waits for the goroutines, and returns the chain of all spans.
func (st *stage) ended(tasks ...*trace.Task) *chain.Chain {
	for _, task := range tasks {
		_ = task.Wait(st.t.Context())
	}
	_, _ = st.client.CloseNow(), st.server.CloseNow()
	return chain.New(chain.FromSpans(st.spans.GetSpans().Snapshots()))
}

// park is a block with its operation and its wake.
type park struct{ op, block, wake *chain.Span }

// parks returns the blocks of all operations of a service with this name.
func parks(c *chain.Chain, service, op string) (all []park) {
	for _, b := range c.Named(semconv.SpanBlock) {
		if b.Service != service || b.Parent.Name != op {
			continue
		}
		for _, w := range b.Parent.Children {
			if w.Is(semconv.SpanWake) && w.Start.Equal(b.End) {
				all = append(all, park{b.Parent, b, w})
			}
		}
	}
	return all
}

// withoutLast leaves out the park that the scenario's end ended.
func withoutLast(parks []park) []park {
	return slices.DeleteFunc(parks, func(p park) bool { return p.op.Failed() })
}

// longest returns the longest of parks, of which there must be one.
func longest(t *testing.T, c *chain.Chain, parks []park) park {
	t.Helper()
	if len(parks) == 0 {
		t.Fatalf("got no block with its wake, want one:\n%s", c)
	}
	return slices.MaxFunc(parks, func(x, y park) int { return cmp.Compare(x.block.Duration(), y.block.Duration()) })
}

// share returns how much of the park the kernel's counters account for. For the peer's
// window and the send buffer that is the time in which they were the limit. For the
// network it is the time in which neither was, with data in flight.
func (p park) share() float64 {
	window, buffer := p.block.Float(semconv.TCPRwndLimitedKey), p.block.Float(semconv.TCPSndbufLimitedKey)
	busy := p.block.Float(semconv.TCPBusyKey)
	all := p.block.Duration().Seconds()
	switch semconv.Cause(p.block.Str(semconv.BlockCauseKey)) {
	case semconv.CausePeerWindow:
		return window / all
	case semconv.CauseLocalBuffer:
		return buffer / all
	case semconv.CauseNetwork:
		return (busy - window - buffer) / all
	default:
		return 0
	}
}

func (p park) is(cause semconv.Cause, woken semconv.WakeReason) bool {
	return p.block.Str(semconv.BlockCauseKey) == string(cause) && p.wake.Str(semconv.WakeReasonKey) == string(woken)
}

// want checks the cause and the wake of a park, and that the evidence supports the cause.
// It logs a row of the table in the docs.
func (p park) want(t *testing.T, cause semconv.Cause, woken semconv.WakeReason) {
	t.Helper()
	gotCause, gotWake := p.block.Str(semconv.BlockCauseKey), p.wake.Str(semconv.WakeReasonKey)
	if !p.is(cause, woken) {
		t.Errorf("%v: got cause %q and wake %q, want %q and %q", p.block.Attributes, gotCause, gotWake, cause, woken)
	}
	if cause != "" && p.share() < 0.5 {
		t.Errorf("got %.2f of the park explained, want at least half: %v", p.share(), p.block.Attributes)
	}
	share := "–"
	if cause != "" {
		share = fmt.Sprintf("%.0f %%", 100*p.share())
	}
	t.Logf("| %s | %s | %s | %s | %s | %s |", t.Name(), p.op.Name, gotCause, gotWake, p.block.Duration().Round(time.Millisecond), share)
}

// only returns the rule's finding, and fails unless there is exactly one.
func only(t *testing.T, c *chain.Chain, rule explain.Rule) explain.Finding {
	t.Helper()
	var found []explain.Finding
	for _, f := range explain.Explain(c) {
		if f.Rule == rule {
			found = append(found, f)
		}
	}
	if len(found) != 1 {
		t.Fatalf("got %d findings of %s, want 1: %v\n%s", len(found), rule, found, c)
	}
	t.Log(found[0].Text)
	return found[0]
}

var errEnough = errors.New("enough")

func TestScenario(t *testing.T) {
	for _, sc := range []struct {
		name  string
		cause semconv.Cause
		woken semconv.WakeReason
		wake  func(*testing.T, *stage, context.CancelCauseFunc) // nil: the writes have a deadline
		check func(*testing.T, *chain.Chain, park)
	}{
		{
			name: "peer stops reading, then resumes", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
			wake: func(t *testing.T, st *stage, _ context.CancelCauseFunc) { st.resume(t) },
		},
		{
			name: "peer stops reading, then closes", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
			wake: func(_ *testing.T, st *stage, _ context.CancelCauseFunc) { _ = st.client.CloseNow() },
		},
		{
			name: "peer stops reading, then is killed", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
			wake: func(t *testing.T, st *stage, _ context.CancelCauseFunc) {
				if err := errors.Join(st.clientTCP.SetLinger(0), st.clientTCP.Close()); err != nil {
					t.Error(err)
				}
			},
		},
		{
			name: "peer stops reading, half-closes, then resumes", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
			wake: func(t *testing.T, st *stage, _ context.CancelCauseFunc) {
				if err := st.clientTCP.CloseWrite(); err != nil {
					t.Error(err)
				}
				<-time.After(hold) // the write stays parked: this is no wake
				st.resume(t)
			},
		},
		{
			name: "this side closes", cause: semconv.CausePeerWindow, woken: semconv.WakeClosed,
			wake: func(_ *testing.T, st *stage, _ context.CancelCauseFunc) { _ = st.server.CloseNow() },
			check: func(t *testing.T, c *chain.Chain, p park) {
				if len(p.wake.Links) != 1 || p.wake.Links[0].Span == nil || p.wake.Links[0].Span.Name != semconv.SpanClose {
					t.Errorf("got links %v of the wake, want one to the close:\n%s", p.wake.Links, c)
				}
			},
		},
		{
			name: "deadline", cause: semconv.CausePeerWindow, woken: semconv.WakeDeadline,
		},
		{
			name: "canceled", cause: semconv.CausePeerWindow, woken: semconv.WakeCanceled,
			wake: func(_ *testing.T, _ *stage, cancel context.CancelCauseFunc) { cancel(errEnough) },
			check: func(t *testing.T, _ *chain.Chain, p park) {
				if got, want := p.wake.Str(semconv.WakeCauseKey), errEnough.Error(); got != want {
					t.Errorf("got wake.cause %q, want %q", got, want)
				}
			},
		},
	} {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			st := newStage(t, loopback, nil)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if sc.wake == nil {
				var stop context.CancelFunc
				ctx, stop = context.WithTimeout(ctx, 15*hold)
				defer stop()
			}
			sender := st.send(ctx, "sen_data", st.server)
			if sc.wake != nil {
				st.park()
				sc.wake(t, st, cancel)
			}
			c := st.ended(sender)
			p := longest(t, c, parks(c, "socket_start", semconv.SpanWrite))
			p.want(t, sc.cause, sc.woken)
			if sc.check != nil {
				sc.check(t, c, p)
			}
			if sc.woken != semconv.WakePeerRead { // the peer never read then
				for _, w := range c.Named(semconv.SpanWake) {
					if w.Str(semconv.WakeReasonKey) == string(semconv.WakePeerRead) {
						t.Errorf("got a wake by a peer that did not read:\n%s", c)
					}
				}
			}
			f := only(t, c, explain.SenderStalled)
			if got, want := f.Spans[0], p.op; got != want {
				t.Errorf("got a finding about %v, want %v", got, want)
			}
		})
	}
}

func TestScenarioReadsSlowly(t *testing.T) {
	t.Parallel()
	st := newStage(t, loopback, nil)
	sender := st.send(t.Context(), "sen_data", st.server)
	for range 100 {
		if _, _, err := st.client.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-time.After(hold / 30)
	}
	_ = st.client.CloseNow()
	c := st.ended(sender)
	var (
		blocked, told time.Duration
		slow          []park
	)
	for _, p := range withoutLast(parks(c, "socket_start", semconv.SpanWrite)) {
		blocked += p.block.Duration()
		if p.is(semconv.CausePeerWindow, semconv.WakePeerRead) {
			told += p.block.Duration()
			slow = append(slow, p)
		}
	}
	if 2*told < blocked {
		t.Errorf("got %v of %v blocked by the peer's window until it read, want at least half:\n%s", told, blocked, c)
	}
	longest(t, c, slow).want(t, semconv.CausePeerWindow, semconv.WakePeerRead)
	only(t, c, explain.SenderStalled)
}

func TestScenarioBothWrite(t *testing.T) {
	t.Parallel()
	st := newStage(t, loopback, nil)
	up, down := st.send(t.Context(), "up", st.client), st.send(t.Context(), "down", st.server)
	st.park()
	_ = st.client.CloseNow()
	c := st.ended(up, down)
	longest(t, c, parks(c, "socket_get", semconv.SpanWrite)).want(t, semconv.CausePeerWindow, semconv.WakeClosed)
	longest(t, c, parks(c, "socket_start", semconv.SpanWrite)).want(t, semconv.CausePeerWindow, semconv.WakePeerReset)
	if f := only(t, c, explain.Deadlock); f.Total < hold {
		t.Errorf("got a deadlock of %v, want at least %v", f.Total, hold)
	}
}

// A reader notices that the peer has shut down its sending side. The library then closes
// the connection, which ends the write.
func TestScenarioHalfClose(t *testing.T) {
	t.Parallel()
	st := newStage(t, loopback, nil)
	sender := st.send(t.Context(), "sen_data", st.server)
	reader := trace.Go(st.server.Context(t.Context()), "read", func(ctx context.Context) error {
		_, _, err := st.server.Read(ctx)
		return err
	})
	st.park()
	if err := st.clientTCP.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c := st.ended(reader, sender)
	longest(t, c, parks(c, "socket_start", semconv.SpanRead)).want(t, "", semconv.WakePeerClosed)
	longest(t, c, parks(c, "socket_start", semconv.SpanWrite)).want(t, semconv.CausePeerWindow, semconv.WakeClosed)
}

// The peer reads everything, over a path with little bandwidth.
func TestScenarioSlowNetwork(t *testing.T) {
	t.Parallel()
	l := newLink(t, "tbf", "rate", "1mbit", "burst", "4kb", "limit", "12kb")
	st := newStage(t, place{
		address: nearAddress + ":0",
		buffers: buffers{write: 32 << 10},
		in: func(server bool, f func()) {
			if server {
				in(t, l.near, f)
			} else {
				in(t, l.far, f)
			}
		},
	}, nil)
	sender := st.send(t.Context(), "sen_data", st.server)
	for range 400 {
		if _, _, err := st.client.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	_ = st.client.CloseNow()
	c := st.ended(sender)
	var lossy []park // once it sends no more than the path carries, a block need not see a loss
	for _, p := range withoutLast(parks(c, "socket_start", semconv.SpanWrite)) {
		switch semconv.Cause(p.block.Str(semconv.BlockCauseKey)) {
		case semconv.CauseNetwork:
			lossy = append(lossy, p)
		case semconv.CausePeerWindow:
			t.Errorf("got a block by the window of a peer that read all the time: %v", p.block.Attributes)
		}
	}
	longest(t, c, lossy).want(t, semconv.CauseNetwork, semconv.WakeWritable)
	only(t, c, explain.NetworkLimited)
}
