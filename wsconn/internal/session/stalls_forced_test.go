package session_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Every stall is reported, once, and nothing else is, while other connections keep the
// machine busy. The truth comes from the test's own observer, which adds up how long
// each write was parked; the size of a message identifies it. WAKECHAIN_STALLS=10000
// sets how many are forced.
func TestForcedStalls(t *testing.T) {
	total := 30
	if n, err := strconv.Atoi(os.Getenv("WAKECHAIN_STALLS")); err == nil {
		total = n
	}
	conns := min(100, max(6, total/50))
	each := total / conns
	const after, base, small = 50 * time.Millisecond, 100_000, 5

	reported := &roots{writes: map[int64]int{}, ids: map[oteltrace.SpanID]bool{}}
	tp := lean.NewTracerProvider(lean.WithSpanProcessor(reported))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	unsampled := offs(t)["unsampled"].option()
	opts := []session.Option{unsampled, session.WithStalls(session.Stalls{After: after, PerSecond: 1 << 30, TracerProvider: tp})}
	// The server only sends its history: its reads wait in the middle of a message, too.
	patient := []session.Option{unsampled, session.WithStalls(session.Stalls{After: time.Minute, PerSecond: 1 << 30, TracerProvider: tp})}
	lib := libraries[0]
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()

	l, url := listen(t)
	serve(t, smallBuffers{l}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := lib.traced.accept(w, r, options{}, patient...)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(1 << 20)
		for {
			typ, rd, err := c.Reader(ctx)
			if err != nil {
				return
			}
			if typ == messageBinary { // the message has begun, and does not fit into the buffers
				timer := time.NewTimer(3 * after)
				<-timer.C
			}
			if _, err := io.Copy(io.Discard, rd); err != nil {
				return
			}
			if typ == messageText {
				if err := c.Write(ctx, messageText, make([]byte, small)); err != nil {
					return
				}
			}
		}
	}))
	dial := func(by *parkSum) conn {
		d := net.Dialer{}
		o := options{client: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := shrink(d.DialContext(ctx, network, addr))
			if err != nil {
				return nc, err
			}
			below := netpoll.Wrap(nc)
			below.ObserveWrite(by)
			return below, nil
		}}}}
		c, _, err := lib.traced.dial(ctx, url, o, opts...)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}

	busy, stop := context.WithCancel(ctx)
	var load, stalled sync.WaitGroup
	for range 2 {
		c := dial(new(parkSum))
		load.Go(func() {
			defer func() { _ = c.CloseNow() }()
			for busy.Err() == nil {
				if c.Write(ctx, messageText, make([]byte, small)) != nil {
					return
				}
				if _, _, err := c.Read(ctx); err != nil {
					return
				}
			}
		})
	}
	var mu sync.Mutex
	want := map[int64]int{} // stalls, by the size of the message
	for i := range conns {
		by := new(parkSum)
		c := dial(by)
		write := func(typ, size int) (stalls bool) {
			before := by.sum.Load()
			if err := c.Write(ctx, typ, make([]byte, size)); err != nil {
				t.Error(err)
				return false
			}
			if stalls = time.Duration(by.sum.Load()-before) >= after; stalls {
				mu.Lock()
				want[int64(size)]++
				mu.Unlock()
			}
			return stalls
		}
		stalled.Go(func() {
			defer func() { _ = c.CloseNow() }()
			for j := range each {
				for done := false; !done && !t.Failed(); { // again, if the client was too late to write
					done = write(messageBinary, base+i*each+j)
					write(messageText, small)
					if _, _, err := c.Read(ctx); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	stalled.Wait()
	stop()
	load.Wait()
	all := 0
	for _, n := range want {
		all += n
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); runtime.Gosched() {
		if writes, histories := reported.counts(); writes >= all && histories >= all-conns {
			break
		}
	}
	writes, histories := reported.counts()
	t.Logf("%d stalls on %d connections, %d forced: reported %d, and %d histories", all, conns, conns*each, writes, histories)

	reported.mu.Lock()
	defer reported.mu.Unlock()
	for size, n := range want {
		if got := reported.writes[size]; got != n {
			t.Errorf("message of %d bytes: told %d times, want %d", size, got, n)
		}
	}
	for size, n := range reported.writes {
		if want[size] == 0 {
			t.Errorf("got %d traces of a message of %d bytes, which did not stall", n, size)
		}
	}
	for name, n := range reported.others {
		if name != semconv.SpanHandshake && name != semconv.SpanClose { // these may take as long as a stall on a busy machine
			t.Errorf("got %d traces of %s, want none", n, name)
		}
	}
	// No message follows the last one of a connection and asks for the history.
	if histories > all || histories < all-conns || reported.strangers > 0 {
		t.Errorf("got %d histories of %d stalls, %d of them in no trace of one", histories, all, reported.strangers)
	}
}

// parkSum adds up the parks of the writes of a conn.
type parkSum struct {
	sum    atomic.Int64
	parked bool // the writer's own
}

func (p *parkSum) Park(k netpoll.Park) { p.parked = k.Reason == semconv.ReasonNetWrite }

func (p *parkSum) Wake(w netpoll.Wake) {
	if p.parked && w.Reason != "" {
		p.sum.Add(int64(w.Blocked))
	}
	p.parked = false
}

// smallBuffers accepts conns with small buffers.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) { return shrink(l.Listener.Accept()) }

func shrink(nc net.Conn, err error) (net.Conn, error) {
	if c, ok := nc.(*net.TCPConn); ok {
		_ = c.SetReadBuffer(16 << 10)
		_ = c.SetWriteBuffer(16 << 10)
	}
	return nc, err
}

// roots counts the roots of traces, and the histories in them.
type roots struct {
	mu        sync.Mutex
	writes    map[int64]int // by the size of the message
	others    map[string]int
	ids       map[oteltrace.SpanID]bool
	histories int
	strangers int // histories of a stall that was never begun
}

func (r *roots) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	if !s.Parent().IsValid() {
		r.mu.Lock()
		r.ids[s.SpanContext().SpanID()] = true
		r.mu.Unlock()
	}
}

func (r *roots) OnEnd(s sdktrace.ReadOnlySpan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.Name() == semconv.SpanHistory:
		r.histories++
		if !r.ids[s.Parent().SpanID()] {
			r.strangers++
		}
	case s.Parent().IsValid():
	case s.Name() != semconv.SpanWrite:
		if s.Name() == semconv.SpanRead && slices.Contains(s.Attributes(), semconv.StallCauseKey.String(string(semconv.StallFailed))) {
			return // the client is done
		}
		if r.others == nil {
			r.others = map[string]int{}
		}
		r.others[s.Name()]++
	default:
		size := int64(-1)
		for _, a := range s.Attributes() {
			if a.Key == semconv.WebSocketMessageSizeKey {
				size = a.Value.AsInt64()
			}
		}
		r.writes[size]++
	}
}

func (r *roots) counts() (writes, histories int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.writes {
		writes += n
	}
	return writes, r.histories
}

func (*roots) Shutdown(context.Context) error   { return nil }
func (*roots) ForceFlush(context.Context) error { return nil }
