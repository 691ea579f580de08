package stuck_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/examples/internal/browser"
	"github.com/wakechain/wakechain/examples/internal/debugpage"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// program is what is stuck: it ends with the test.
type program struct {
	*testing.T
	ctx   context.Context
	group *trace.Group
	page  string
}

func start(t *testing.T) *program {
	t.Helper()
	page, err := debugpage.Start(t.Context(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(trace.New(trace.WithTracerProvider(lean.NewTracerProvider())).NewContext(context.Background()))
	group, _ := trace.NewGroup(ctx)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := page.Close(); err != nil {
			t.Error(err)
		}
		cancel()
		_ = group.Wait(context.Background())
	})
	return &program{t, ctx, group, page.URL}
}

// look waits until the view is as wanted, checks that the page says so, and keeps
// pictures of it, if that is wanted.
func (p *program) look(name string, wanted func(*live.View) bool, says ...string) {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); !wanted(live.Snapshot()); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			var b strings.Builder
			_ = live.Snapshot().WriteText(&b)
			p.Fatalf("not so after a minute:\n%s", &b)
		}
	}
	req, err := http.NewRequestWithContext(p.ctx, http.MethodGet, p.page, nil)
	if err != nil {
		p.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		p.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range says {
		if !strings.Contains(words, want) {
			p.Errorf("no %q in\n%s", want, text)
		}
	}
	if os.Getenv("WAKECHAIN_PICTURES") != "" {
		browser.New(p.T).Pictures(p.T, p.page, name)
	}
}

func has(kind string, n int) func(*live.View) bool {
	return func(v *live.View) bool {
		for _, f := range v.Findings {
			if f.Kind == kind && f.Certain {
				n--
			}
		}
		return n <= 0
	}
}

// small are connections whose buffers are soon full.
type small struct{ net.Listener }

func (l small) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
		_ = tcp.SetReadBuffer(16 << 10)
	}
	return nc, err
}

// serve serves fn until the test ends, and returns what dials it.
func (p *program) serve(name string, fn func(context.Context, *wsconn.Conn) error) func(string, func(context.Context, *wsconn.Conn) error) {
	var running sync.WaitGroup
	h := wsconn.Handler(name, fn)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		h.ServeHTTP(w, r)
	}))
	srv.Listener = small{srv.Listener}
	ctx, cancel := context.WithCancel(p.ctx)
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	p.Cleanup(func() {
		cancel()
		running.Wait()
		srv.Close()
	})
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if tcp, ok := nc.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(16 << 10)
			_ = tcp.SetReadBuffer(16 << 10)
		}
		return nc, err
	}
	return func(name string, fn func(context.Context, *wsconn.Conn) error) {
		p.group.Go(p.ctx, name, func(ctx context.Context) error {
			c, _, err := wsconn.Dial(ctx, srv.URL, &wsconn.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{DialContext: dial}}})
			if err != nil {
				return err
			}
			defer c.CloseNow()
			return fn(ctx, c)
		})
	}
}

// Two goroutines take two locks in opposite order, and others wait for one of them.
func TestLockOrder(t *testing.T) {
	p := start(t)
	var from, to trace.Mutex
	var both trace.WaitGroup
	both.Add(2)
	transfer := func(first, second *trace.Mutex) func(context.Context) error {
		return func(ctx context.Context) error {
			if err := first.LockContext(ctx); err != nil {
				return err
			}
			defer first.Unlock()
			both.Done(ctx)
			if err := both.WaitContext(ctx); err != nil {
				return err
			}
			if err := second.LockContext(ctx); err != nil {
				return err
			}
			second.Unlock()
			return nil
		}
	}
	p.group.Go(p.ctx, "debit", transfer(&from, &to))
	p.group.Go(p.ctx, "credit", transfer(&to, &from))
	for range 3 {
		p.group.Go(p.ctx, "audit", func(ctx context.Context) error {
			if err := both.WaitContext(ctx); err != nil {
				return err
			}
			return from.LockContext(ctx)
		})
	}
	p.look("lock-order", func(v *live.View) bool { return has(live.KindDeadlock, 1)(v) && v.Counts.Blocked == 5 },
		"DEADLOCK", "debit has been blocked", "credit has been blocked", "3 other goroutines wait for them")
}

func sends(ctx context.Context, c *wsconn.Conn) error {
	for big := make([]byte, 64<<10); ; {
		if err := c.Write(ctx, wsconn.MessageBinary, big); err != nil {
			return err
		}
	}
}

// Both ends write, and neither reads before it has written.
func TestBothWrite(t *testing.T) {
	p := start(t)
	turn := func(ctx context.Context, c *wsconn.Conn) error {
		if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
			return err
		}
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		return sends(ctx, c)
	}
	p.serve("answers", turn)("asks", turn)
	p.look("both-write", has(live.KindDeadlock, 1), "DEADLOCK", "whose other end")
}

// Of many idle connections, some are stalled.
func TestManyIdle(t *testing.T) {
	idle := 20
	if os.Getenv("WAKECHAIN_PICTURES") != "" {
		idle = 4_850 // and their other ends, in 9,800 descriptors
	}
	p := start(t)
	var entered sync.WaitGroup
	dial := p.serve("session", func(ctx context.Context, c *wsconn.Conn) error {
		_, hello, err := c.Read(ctx)
		if err == nil && string(hello) == "send" {
			return sends(ctx, c)
		}
		entered.Done()
		_, _, err = c.Read(ctx)
		return err
	})
	for i := range idle + 3 {
		name, hello := "client", "idle"
		if i%(idle/3+1) == 3 {
			name, hello = "busy elsewhere", "send"
		}
		entered.Add(1)
		dial(name, func(ctx context.Context, c *wsconn.Conn) error {
			if err := c.Write(ctx, wsconn.MessageText, []byte(hello)); err != nil {
				return err
			}
			if hello == "idle" {
				_, _, err := c.Read(ctx)
				return err
			}
			c.SetReadLimit(-1)
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
			entered.Done()
			return trace.Sleep(ctx, time.Hour)
		})
		entered.Wait() // a burst would overflow the listener's queue
	}
	p.look("many-idle", func(v *live.View) bool { return has(live.KindStalled, 3)(v) && v.Counts.Idle == 2*idle },
		"STALLED", "busy elsewhere g")
}
