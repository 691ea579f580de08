package gorillaws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// big does not fit into the buffers of a connection.
var big = make([]byte, 32<<20)

// bareClient dials without this package.
func bareClient(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, _, err := new(websocket.Dialer).DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// parked waits until firstWriter is parked in a write to the network.
func parked(t *testing.T) {
	t.Helper()
	buf := make([]byte, 1<<20)
	until(t, "a parked write", func() bool {
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "[IO wait") && strings.Contains(g, "firstWriter(") {
				return true
			}
		}
		return false
	})
}

// wantAnswer fails unless there is a finding of the rule that contains all of want.
func (r *recorder) wantAnswer(rule explain.Rule, want ...string) {
	r.t.Helper()
	for _, f := range explain.Explain(r.Chain()) {
		if f.Rule != rule {
			continue
		}
		got := f.Headline + " | " + f.Text
		for _, w := range want {
			if !strings.Contains(got, w) {
				r.t.Errorf("%s: got %q, want %q in it", rule, got, w)
			}
		}
		r.t.Log(got)
		return
	}
	r.t.Errorf("no %s among the answers", rule)
}

// all returns the spans that a line matches.
func (r *recorder) all(line string) (found []*chain.Span) {
	r.ended()
	m := tracetest.Line(line)
	for _, s := range r.Chain().Spans {
		if m.Match(s) {
			found = append(found, s)
		}
	}
	return found
}

// A second concurrent write panics as it does bare, and both spans say where both
// began.
func TestConcurrentWriters(t *testing.T) {
	rec := newRecorder(t)
	conns, done := make(chan *gorillaws.Conn), make(chan struct{})
	url := rec.serve(gorillaws.Upgrader{}, func(c *gorillaws.Conn) error {
		conns <- c
		<-done
		return nil
	})
	client := bareClient(t, url)
	c := <-conns
	first := make(chan error)
	go func() { first <- firstWriter(c) }()
	parked(t)
	func() {
		defer func() {
			if r := recover(); r != "concurrent write to websocket connection" {
				t.Errorf("got the panic %v", r)
			}
		}()
		_ = secondWriter(c)
	}()
	for {
		if _, p, err := client.ReadMessage(); err != nil || len(p) == len(big) {
			break
		}
	}
	if err := <-first; err != nil {
		t.Errorf("the first write: got %v", err)
	}
	close(done)
	rec.ended()

	spans := rec.Chain()
	failed := tracetest.One(t, spans, "write {error.type=panic}")
	other := tracetest.One(t, spans, fmt.Sprintf("write {websocket.message.size=%d}", len(big)))
	for _, tt := range []struct {
		s              *chain.Span
		own, otherFunc string
		to             *chain.Span
	}{{failed, "gorillaws_test.secondWriter", "gorillaws_test.firstWriter", other}, {other, "gorillaws_test.firstWriter", "gorillaws_test.secondWriter", failed}} {
		if got := tt.s.Str(semconv.CodeFunctionNameKey); got != tt.own {
			t.Errorf("got %q, want %q", got, tt.own)
		}
		if got := tt.s.Str(semconv.WebSocketOtherWriteFunctionKey); got != tt.otherFunc {
			t.Errorf("the other: got %q, want %q", got, tt.otherFunc)
		}
		if tt.s.Int(semconv.CodeLineNumberKey) == 0 || tt.s.Int(semconv.WebSocketOtherWriteLineKey) == 0 {
			t.Errorf("got no lines in %v", tt.s.Attributes)
		}
		if len(tt.s.Links) == 0 || tt.s.Links[len(tt.s.Links)-1].Span != tt.to {
			t.Errorf("%s does not link to the other write: %v", tt.own, tt.s.Links)
		}
	}
	rec.wantAnswer(explain.ConcurrentWrites, "panicked: it wrote while another write was in progress",
		"began to write in gorillaws_test.secondWriter, line", "had begun in gorillaws_test.firstWriter, line", "which was blocked for")
}

func firstWriter(c *gorillaws.Conn) error { return c.WriteMessage(gorillaws.BinaryMessage, big) }
func secondWriter(c *gorillaws.Conn) error {
	return c.WriteMessage(gorillaws.TextMessage, []byte("second"))
}

// The library gives up the answer to a ping while a write is parked. The span pong says
// so, and names that write. The read shows its wait.
func TestStarvedPong(t *testing.T) {
	rec := newRecorder(t)
	conns, done := make(chan *gorillaws.Conn), make(chan struct{})
	url := rec.serve(gorillaws.Upgrader{}, func(c *gorillaws.Conn) error {
		conns <- c
		_, _, err := c.ReadMessage()
		<-done
		return err
	})
	client := bareClient(t, url)
	c := <-conns
	wrote := make(chan error)
	go func() { wrote <- firstWriter(c) }()
	parked(t)
	if err := client.WriteControl(websocket.PingMessage, []byte("there?"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	// The library reads the message behind the ping only after it has given up the answer.
	if err := client.WriteMessage(websocket.TextMessage, []byte("next")); err != nil {
		t.Fatal(err)
	}
	if err := rec.WaitN(t.Context(), tracetest.Line("pong {error.type=deadline_exceeded}"), 1); err != nil {
		t.Fatal(err)
	}
	for {
		if _, p, err := client.ReadMessage(); err != nil || len(p) == len(big) {
			break
		}
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	close(done)
	rec.ended()
	spans := rec.Chain()
	pong := tracetest.One(t, spans, "pong {error.type=deadline_exceeded}")
	write := tracetest.One(t, spans, fmt.Sprintf("write {websocket.message.size=%d}", len(big)))
	if got := pong.Str(semconv.BlockHolderKey); got != write.SpanID.String() {
		t.Errorf("the pong waited for %q, want the write %s", got, write.SpanID)
	}
	if d := pong.Duration(); d < time.Second || d > 20*time.Second {
		t.Errorf("it took %v, want a second", d)
	}
	block := tracetest.One(t, spans, "block write.lock")
	if block.Parent != pong.Parent || block.Parent.Name != "read" {
		t.Errorf("the block is of %v, want the read", block.Parent)
	}
	if got := write.Float(semconv.WebSocketWriteTimeoutKey); got != 0 {
		t.Errorf("the write had %v s, want no deadline", got)
	}
	if _, ok := write.Attr(semconv.WebSocketWriteTimeoutKey); !ok {
		t.Error("the write does not say that it had no deadline")
	}
	rec.wantAnswer(explain.PongStarved, fmt.Sprintf("server did not answer a ping for %d", int(pong.Duration().Seconds())), "its own write was in progress",
		"had the connection for", "was blocked for")
	rec.wantAnswer(explain.SenderStalled, "The write had no deadline")
}

// After a write has met its deadline, the others fail with it, and link to it.
func TestWritesAfterFailure(t *testing.T) {
	rec := newRecorder(t)
	const timeout = 2 * time.Second // longer than a busy machine takes until the write is parked
	var errs []error
	url := rec.serve(gorillaws.Upgrader{}, func(c *gorillaws.Conn) error {
		_ = c.SetWriteDeadline(time.Now().Add(timeout))
		errs = append(errs, firstWriter(c), secondWriter(c))
		errs = append(errs, c.WriteControl(gorillaws.PingMessage, nil, time.Now().Add(time.Second)))
		return nil
	})
	bareClient(t, url)
	rec.ended()
	if len(errs) != 3 {
		t.Fatalf("got %v", errs)
	}
	for _, err := range errs {
		if ne := net.Error(nil); !errors.As(err, &ne) || !ne.Timeout() || err != errs[0] {
			t.Errorf("got %v, want the first one's", err)
		}
	}
	first := tracetest.One(t, rec.Chain(), fmt.Sprintf("write {websocket.message.size=%d, error.type=deadline_exceeded}", len(big)))
	if got := first.Float(semconv.WebSocketWriteTimeoutKey); got <= 0 || got > timeout.Seconds() {
		t.Errorf("the first write had %v s, want what is left of %v", got, timeout)
	}
	if w := tracetest.One(t, rec.Chain(), "wake deadline"); w.Parent.SpanID != first.SpanID {
		t.Error("the deadline woke another one")
	}
	for _, line := range []string{"write {websocket.message.size=6, error.type=deadline_exceeded}", "ping {error.type=deadline_exceeded}"} {
		s := tracetest.One(t, rec.Chain(), line)
		if failed, _ := s.Attr(semconv.WebSocketFailedBeforeKey); !failed.AsBool() || len(s.Links) != 1 || s.Links[0].Span.SpanID != first.SpanID {
			t.Errorf("%s does not lead to the first failure: %v", s.Name, s.Links)
		}
	}
	rec.wantAnswer(explain.FailedAfterwards, "more after a write had failed", "broke the connection for writing")
	rec.wantAnswer(explain.SenderStalled, "It had a deadline, after ")
}

// Each of the library's own checks is named where it refuses.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*http.Request)
		check  string
		status string
	}{
		{"connection", func(r *http.Request) { r.Header.Set("Connection", "close") }, "connection", "400"},
		{"upgrade", func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }, "upgrade", "400"},
		{"method", func(r *http.Request) { r.Method = http.MethodPost }, "method", "405"},
		{"version", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "12") }, "sec-websocket-version", "400"},
		{"origin", func(r *http.Request) { r.Header.Set("Origin", "http://elsewhere") }, "origin", "403"},
		{"origin before key", func(r *http.Request) {
			r.Header.Set("Origin", "http://elsewhere")
			r.Header.Del("Sec-WebSocket-Key")
		}, "origin", "403"},
		{"key", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") }, "sec-websocket-key", "400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec := newRecorder(t)
			url := rec.serve(gorillaws.Upgrader{}, echo)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http"+strings.TrimPrefix(url, "ws"), nil)
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				req.Header.Set(k, v)
			}
			tt.change(req)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			http.DefaultClient.CloseIdleConnections()
			rec.ended()
			tracetest.One(t, rec.Chain(), tracetest.All(
				tracetest.Attribute(semconv.WebSocketHandshakeCheckKey.String(tt.check)), tracetest.Attribute(semconv.ErrorTypeKey.String(tt.status))))
		})
	}
}

// Operations are below the span in WithContext's context; without that, below the
// handler's.
func TestWithContext(t *testing.T) {
	rec := newRecorder(t)
	url := rec.serve(gorillaws.Upgrader{}, func(c *gorillaws.Conn) error {
		if err := secondWriter(c); err != nil {
			return err
		}
		ctx, op := trace.Start(c.Context(context.Background()), "work")
		defer op.End(nil)
		return secondWriter(c.WithContext(ctx))
	})
	client := bareClient(t, url)
	for range 2 {
		if _, _, err := client.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	rec.ended()
	var parents []string
	for _, w := range rec.all("write {websocket.message.type=text}") {
		parents = append(parents, w.Parent.Name)
	}
	if len(parents) != 2 || parents[0] == parents[1] || parents[1] != "work" {
		t.Errorf("got the parents %v, want the goroutine and work", parents)
	}
}
