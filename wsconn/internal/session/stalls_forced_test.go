package session_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Every stall is told, once, and none is that there was not: while other connections keep
// the machine busy. The size of a message tells which stall it was. WAKECHAIN_STALLS=10000
// says how many there are.
func TestForcedStalls(t *testing.T) {
	total := 30
	if n, err := strconv.Atoi(os.Getenv("WAKECHAIN_STALLS")); err == nil {
		total = n
	}
	conns := min(100, max(6, total/50))
	each := total / conns
	const after, base, small = 50 * time.Millisecond, 100_000, 5

	told := &roots{writes: map[int64]int{}, ids: map[oteltrace.SpanID]bool{}}
	tp := lean.NewTracerProvider(lean.WithSpanProcessor(told))
	defer func() { _ = tp.Shutdown(context.Background()) }()
	unsampled := offs(t)["unsampled"].option()
	opts := []session.Option{unsampled, session.WithStalls(session.Stalls{After: after, PerSecond: 1 << 30, TracerProvider: tp})}
	// The server only tells what passed: its reads wait in the midst of a message, too.
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
			if typ == messageBinary { // it has begun, and does not fit into the buffers
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
	dial := func() conn {
		d := net.Dialer{}
		o := options{client: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return shrink(d.DialContext(ctx, network, addr))
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
		c := dial()
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
	for i := range conns {
		c := dial()
		stalled.Go(func() {
			defer func() { _ = c.CloseNow() }()
			for j := range each {
				if err := c.Write(ctx, messageBinary, make([]byte, base+i*each+j)); err != nil {
					t.Error(err)
					return
				}
				if err := c.Write(ctx, messageText, make([]byte, small)); err != nil {
					t.Error(err)
					return
				}
				if _, _, err := c.Read(ctx); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	stalled.Wait()
	stop()
	load.Wait()
	for deadline := time.Now().Add(10 * time.Second); (told.count() < conns*each || told.asked() < conns*each) && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	t.Logf("%d stalls on %d connections: %d writes of %d sizes, %d histories", conns*each, conns, told.count(), len(told.writes), told.histories)

	told.mu.Lock()
	defer told.mu.Unlock()
	for i := range conns * each {
		if n := told.writes[int64(base+i)]; n != 1 {
			t.Errorf("stall %d: told %d times, want once", i, n)
		}
		delete(told.writes, int64(base+i))
	}
	for size, n := range told.writes {
		t.Errorf("got %d traces of a message of %d bytes, which did not stall", n, size)
	}
	for name, n := range told.others {
		t.Errorf("got %d traces of %s, want none", n, name)
	}
	if told.histories != conns*each {
		t.Errorf("got %d histories, want one of each stall", told.histories)
	}
	if told.strangers > 0 {
		t.Errorf("got %d histories in no trace of a stall", told.strangers)
	}
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
	strangers int // histories of no stall that was begun
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

func (r *roots) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, times := range r.writes {
		n += times
	}
	return n
}

func (r *roots) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.histories
}

func (*roots) Shutdown(context.Context) error   { return nil }
func (*roots) ForceFlush(context.Context) error { return nil }
