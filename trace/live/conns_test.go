package live_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// small is a listener whose connections have small buffers, so that they are full soon.
type small struct{ net.Listener }

func (l small) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
		_ = tcp.SetReadBuffer(16 << 10)
	}
	return nc, err
}

func smallClient() *wsconn.DialOptions {
	return &wsconn.DialOptions{HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if tcp, ok := nc.(*net.TCPConn); ok {
				_ = tcp.SetWriteBuffer(16 << 10)
				_ = tcp.SetReadBuffer(16 << 10)
			}
			return nc, err
		},
	}}}
}

// serve serves a handler on TCP until the test ends, and returns its URL. The handlers
// have returned before the test ends.
func serve(t testing.TB, ctx context.Context, name string, fn func(context.Context, *wsconn.Conn) error) string {
	t.Helper()
	var running sync.WaitGroup
	h := wsconn.Handler(name, fn)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.Add(1)
		defer running.Done()
		h.ServeHTTP(w, r)
	}))
	srv.Listener = small{srv.Listener}
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	t.Cleanup(func() {
		running.Wait()
		srv.Close()
	})
	return srv.URL
}

// dialing returns a client that runs fn with its connection.
func dialing(url string, fn func(context.Context, *wsconn.Conn) error) func(context.Context) error {
	return func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, url, smallClient())
		if err != nil {
			return err
		}
		defer c.CloseNow()
		return fn(ctx, c)
	}
}

var big = make([]byte, 64<<10)

// sends sends until a write fails.
func sends(ctx context.Context, c *wsconn.Conn) error {
	for {
		if err := c.Write(ctx, wsconn.MessageBinary, big); err != nil {
			return err
		}
	}
}

// reads reads n messages.
func reads(ctx context.Context, c *wsconn.Conn, n int) error {
	c.SetReadLimit(-1)
	for range n {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
	}
	return nil
}

// proven reports whether there is a stall that the kernel proves.
func proven(v *live.View) bool {
	for _, f := range findings(v, live.KindStalled) {
		if strings.Contains(f.Text, "likely") {
			return false
		}
	}
	return len(findings(v, live.KindStalled)) > 0
}

var digits = regexp.MustCompile(`[0-9.]+ (ms|s)|127\.0\.0\.1:[0-9]+|[a-z_]+\.go:[0-9]+|\bg[0-9]+`)

// form returns a sentence without its times, addresses and line numbers.
func form(s string) string {
	return digits.ReplaceAllStringFunc(s, func(x string) string {
		switch {
		case strings.HasPrefix(x, "g"):
			return "ID"
		case strings.HasPrefix(x, "127"):
			return "ADDR"
		case strings.Contains(x, ".go:"):
			return strings.Split(x, ":")[0] + ":LINE"
		}
		return "AGE"
	})
}

// The sender stays blocked after the receiver stopped, and the view says why.
func TestStalledSender(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	url := serve(t, ctx, "sen_data", sends)
	client := trace.Go(ctx, "hello", dialing(url, func(ctx context.Context, c *wsconn.Conn) error {
		if err := reads(ctx, c, 3); err != nil {
			return err
		}
		return trace.Sleep(ctx, time.Hour)
	}))
	defer func() { cancel(); _ = client.Wait(context.Background()) }()

	v := until(t, proven, live.WithStacks())
	f := findings(v, live.KindStalled)
	const want = "sen_data has been blocked AGE writing to the client ADDR, which has not read for AGE: its reader hello is in sleep for AGE, conns_test.go:LINE"
	if len(f) != 1 || !f[0].Certain || form(f[0].Text) != want {
		t.Fatalf("got  %+v\nwant %s", f, want)
	}
	t.Log(f[0].Text)
	h := findings(v, live.KindHead)
	if len(h) != 1 || !h[0].Certain || h[0].HoldsUp != 1 || h[0].Goroutines[0] != goroutine(t, v, "hello").Key {
		t.Errorf("got the head %+v", h)
	}
	if shown := v.Shown(); len(shown) != len(v.Findings)-1 || slices.ContainsFunc(shown, func(f live.Finding) bool { return f.Kind == live.KindHead }) {
		t.Errorf("got %+v, want the stalled write to be shown once", shown)
	}
	w := goroutine(t, v, "sen_data").Waits[0]
	if w.TCP == nil || w.TCP.Queued == 0 || w.TCP.RwndLimited <= w.Age/2 || w.Cause != string(semconv.CausePeerWindow) || w.Message < 4 || w.Age < time.Second || w.Age > w.TCP.Busy+time.Second {
		t.Errorf("got %+v with %+v", w, w.TCP)
	}
	if len(w.Holders) != 1 || !w.Holders[0].Strong || w.Holders[0].Name != "hello" {
		t.Errorf("got the holders %+v", w.Holders)
	}
	if len(v.Connections) != 2 {
		t.Fatalf("got %d ends", len(v.Connections))
	}
	for _, c := range v.Connections {
		switch c.Role {
		case "server":
			if c.MessagesRead != 0 || c.MessagesWritten != w.Message-1 || c.BytesWritten < int64(len(big)*c.MessagesWritten) || c.Writer == nil || c.Writer.Name != "sen_data" || c.Reader != nil {
				t.Errorf("got the server %+v", c)
			}
		case "client":
			if c.MessagesRead != 3 || c.Reader == nil || c.Reader.Name != "hello" || c.Reader.Inside || c.Reader.Operation != semconv.SpanSleep || c.LastRead.IsZero() || c.Reading || c.PeerID != "" {
				t.Errorf("got the client %+v", c)
			}
		}
		if c.Peer == "" || c.Between || !c.Sampled {
			t.Errorf("not matched: %+v", c)
		}
	}
	if v.Counts.Blocked != 2 || v.Counts.Idle != 0 || v.Counts.Connections != 2 {
		t.Errorf("got the counts %+v", v.Counts)
	}
	joined(t, v)
}

// joined splits v into the views of two processes, encodes and decodes them as JSON, and
// joins them. The result must say the same as v.
func joined(t *testing.T, v *live.View) {
	t.Helper()
	half := func(pid int, name, role, who string) *live.View {
		h := &live.View{Version: v.Version, At: v.At, Processes: []live.Process{{PID: pid, Name: name, Host: "here"}}}
		for _, g := range v.Goroutines {
			if g.Name == who {
				h.Goroutines = append(h.Goroutines, g)
			}
		}
		for _, c := range v.Connections {
			if c.Role == role {
				c.Peer = ""
				h.Connections = append(h.Connections, c)
			}
		}
		p, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		back := new(live.View)
		if err := json.Unmarshal(p, back); err != nil {
			t.Fatal(err)
		}
		return back
	}
	j := live.Join(half(1, "sen_data", "server", "sen_data"), half(2, "socket_get", "client", "hello"), nil)
	f := findings(j, live.KindStalled)
	const want = "sen_data has been blocked AGE writing to the client socket_get, which has not read for AGE: its reader hello is in sleep for AGE, conns_test.go:LINE"
	if len(f) != 1 || form(f[0].Text) != want || len(findings(j, live.KindHead)) != 1 {
		t.Errorf("got  %+v\nwant %s", j.Findings, want)
	}
}

// Both ends write, and nobody reads.
func TestBothEndsWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	turn := func(ctx context.Context, c *wsconn.Conn) error {
		if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
			return err
		}
		if err := reads(ctx, c, 1); err != nil {
			return err
		}
		return sends(ctx, c)
	}
	url := serve(t, ctx, "serves", turn)
	client := trace.Go(ctx, "asks", dialing(url, turn))
	defer func() { cancel(); _ = client.Wait(context.Background()) }()

	v := until(t, func(v *live.View) bool {
		f := findings(v, live.KindDeadlock)
		return len(f) > 0 && f[0].Certain
	})
	f := findings(v, live.KindDeadlock)
	const want = "serves has been blocked AGE writing to the client ADDR whose other end asks would read; " +
		"asks has been blocked AGE writing to the server ADDR whose other end serves would read"
	if got := form(f[0].Text); len(f) != 1 || got != want && got != strings.NewReplacer("serves", "asks", "asks", "serves", "client", "server", "server", "client").Replace(want) {
		t.Errorf("got %d, %s\nwant %s", len(f), got, want)
	}
	t.Log(f[0].Text)
}

// If neither end has ever been read, a reader may still come.
func TestBothEndsWriteUnread(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	url := serve(t, ctx, "serves", sends)
	client := trace.Go(ctx, "asks", dialing(url, sends))
	defer func() { cancel(); _ = client.Wait(context.Background()) }()
	v := until(t, func(v *live.View) bool { return len(findings(v, live.KindDeadlock)) > 0 })
	for _, f := range findings(v, live.KindDeadlock) {
		if f.Certain || !strings.HasPrefix(f.Text, "likely ") {
			t.Errorf("got %+v", f)
		}
	}
}

// A chat room holds its lock while it writes to a slow client. The others wait for the
// lock, and so all of them wait for the client.
func TestSlowClient(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	var room trace.Mutex
	url := serve(t, ctx, "member", func(ctx context.Context, c *wsconn.Conn) error {
		for {
			if err := room.LockContext(ctx); err != nil {
				return err
			}
			err := c.Write(ctx, wsconn.MessageBinary, big)
			room.Unlock()
			if err != nil {
				return err
			}
		}
	})
	group, _ := trace.NewGroup(ctx)
	slow := func(ctx context.Context, c *wsconn.Conn) error { return trace.Sleep(ctx, time.Hour) }
	eager := func(ctx context.Context, c *wsconn.Conn) error { return reads(ctx, c, 1<<30) }
	group.Go(ctx, "slow", dialing(url, func(ctx context.Context, c *wsconn.Conn) error {
		if err := reads(ctx, c, 1); err != nil {
			return err
		}
		return slow(ctx, c)
	}))
	for range 3 {
		group.Go(ctx, "eager", dialing(url, eager))
	}
	defer func() { cancel(); _ = group.Wait(context.Background()) }()

	v := until(t, func(v *live.View) bool {
		h := findings(v, live.KindHead)
		return proven(v) && len(h) == 1 && h[0].HoldsUp == 4
	})
	h := findings(v, live.KindHead)[0]
	if !h.Certain || form(h.Text) != "slow holds up 4 goroutines, for up to AGE: it is in sleep for AGE" {
		t.Errorf("got %+v\n%s", h, dump(v))
	}
	// A connection whose reader is held up is not idle: only those of the eager clients
	// are.
	var text strings.Builder
	if err := v.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if _, quiet, ok := strings.Cut(text.String(), "QUIET"); ok && strings.Contains(quiet, "lock") {
		t.Errorf("a connection is quiet whose reader waits for a lock:\n%s", quiet)
	}
	idle := 0
	for _, g := range v.Goroutines {
		for _, w := range g.Waits {
			if w.Idle {
				idle++
			}
		}
	}
	if idle != 3 || v.Counts.Idle != 3 {
		t.Errorf("got %d idle waits, %d idle goroutines, want 3\n%s", idle, v.Counts.Idle, dump(v))
	}
}

// Idle connections are no findings.
func TestIdle(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	url := serve(t, ctx, "echo", func(ctx context.Context, c *wsconn.Conn) error { return reads(ctx, c, 1) })
	group, _ := trace.NewGroup(ctx)
	defer func() { cancel(); _ = group.Wait(context.Background()) }()
	for range 5 {
		group.Go(ctx, "client", dialing(url, func(ctx context.Context, c *wsconn.Conn) error { return reads(ctx, c, 1) }))
	}
	v := until(t, func(v *live.View) bool { return v.Counts.Idle == 10 })
	if len(v.Findings) != 0 || v.Counts.Blocked != 0 || v.Counts.Connections != 10 {
		t.Errorf("got %+v\n%s", v.Counts, dump(v))
	}
}

// A peer that answers pings and sends nothing else.
func TestSilent(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	url := serve(t, ctx, "serves", func(ctx context.Context, c *wsconn.Conn) error {
		pings := trace.Go(ctx, "pings", func(ctx context.Context) error {
			for ctx.Err() == nil {
				if err := c.Ping(ctx); err != nil {
					return err
				}
				_ = trace.Sleep(ctx, 5*time.Millisecond)
			}
			return nil
		})
		err := reads(ctx, c, 1)
		pings.Cancel(nil)
		_ = pings.Wait(context.Background())
		return err
	})
	client := trace.Go(ctx, "mute", dialing(url, func(ctx context.Context, c *wsconn.Conn) error { return reads(ctx, c, 1) }))
	defer func() { cancel(); _ = client.Wait(context.Background()) }()
	v := until(t, func(v *live.View) bool { return len(findings(v, live.KindSilent)) > 0 }, live.WithSilence(50*time.Millisecond))
	f := findings(v, live.KindSilent)
	if len(f) != 1 || form(strings.ReplaceAll(f[0].Text, " µs", " ms")) != "the client ADDR is alive but silent: it answered a ping AGE ago, and sent no message for AGE" {
		t.Errorf("got %+v", f)
	}
	if f := findings(live.Snapshot(), live.KindSilent); len(f) != 0 {
		t.Errorf("before a minute: got %+v", f)
	}
}

// Behind a proxy the kernel knows only the proxy. No other process is blamed as if that
// were proven.
func TestBetween(t *testing.T) {
	ctx, cancel := context.WithCancel(traced())
	url := serve(t, ctx, "sen_data", sends)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relays sync.WaitGroup
	relays.Go(func() {
		from, err := small{l}.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			_ = from.Close()
			return
		}
		_ = to.(*net.TCPConn).SetReadBuffer(16 << 10)
		for _, x := range [][2]net.Conn{{from, to}, {to, from}} {
			relays.Go(func() {
				_, _ = io.Copy(x[0], struct{ io.Reader }{x[1]})
				_ = x[0].Close()
				_ = x[1].Close()
			})
		}
	})
	client := trace.Go(ctx, "hello", dialing("http://"+l.Addr().String(), func(ctx context.Context, c *wsconn.Conn) error {
		if err := reads(ctx, c, 1); err != nil {
			return err
		}
		return trace.Sleep(ctx, time.Hour)
	}))
	defer relays.Wait()
	defer l.Close()
	defer func() { cancel(); _ = client.Wait(context.Background()) }()

	v := until(t, func(v *live.View) bool { return len(findings(v, live.KindStalled)) > 0 })
	for _, c := range v.Connections {
		if c.Peer == "" || !c.Between {
			t.Errorf("got %+v", c)
		}
	}
	const want = "sen_data has been blocked AGE writing to the client ADDR behind a middlebox at ADDR, which likely has not read for AGE: its reader hello is in sleep for AGE"
	if got := form(findings(v, live.KindStalled)[0].Text); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if h := findings(v, live.KindHead); len(h) != 1 || h[0].Certain {
		t.Errorf("got %+v", h)
	}
}

// Connections that are not sampled are shown if the program asks for it.
func TestWithUnsampledConnections(t *testing.T) {
	never := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))))
	off, cancel := context.WithCancel(never.NewContext(context.Background()))
	on := live.WithUnsampled(off)
	url := serve(t, on, "sen_data", sends)
	stuck := dialing(url, func(ctx context.Context, c *wsconn.Conn) error {
		if err := reads(ctx, c, 1); err != nil {
			return err
		}
		return trace.Sleep(ctx, time.Hour)
	})
	group, _ := trace.NewGroup(off)
	defer func() { cancel(); _ = group.Wait(context.Background()) }()
	group.Go(on, "followed", stuck)
	group.Go(off, "unknown", stuck)
	v := until(t, func(v *live.View) bool { return len(findings(v, live.KindStalled)) == 2 && proven(v) })
	if len(v.Connections) != 3 {
		t.Errorf("got %d ends, want 3: the unsampled client is not followed", len(v.Connections))
	}
	matched := 0
	for _, c := range v.Connections {
		if c.Sampled || c.ID == "" {
			t.Errorf("got %+v", c)
		}
		if c.Peer != "" {
			matched++
		}
	}
	if matched != 2 {
		t.Errorf("%d ends are matched, want 2", matched)
	}
	goroutine(t, v, "followed")
	seen := map[string]bool{}
	for _, f := range findings(v, live.KindStalled) {
		seen[form(f.Text)] = true
	}
	for _, want := range []string{
		"sen_data ID has been blocked AGE writing to the client ADDR, which has not read for AGE: its reader followed is in sleep for AGE",
		"sen_data ID has been blocked AGE writing to the client ADDR, whose window is closed: it does not read",
	} {
		if !seen[want] {
			t.Errorf("got %v, want %s", seen, want)
		}
	}
}

// reset makes dials with opts store their TCP connection in tcp.
func reset(opts *wsconn.DialOptions, tcp **net.TCPConn) {
	tr := opts.HTTPClient.Transport.(*http.Transport)
	dial := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := dial(ctx, network, addr)
		*tcp, _ = nc.(*net.TCPConn)
		return nc, err
	}
}
