package gorillaws_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder has the spans of a client and a server: from the SDK or, if .ci/run says so,
// from a lean provider.
type recorder struct {
	*tracetest.Recorder
	t        *testing.T
	handlers sync.WaitGroup // of the servers whose spans it records
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{Recorder: tracetest.NewRecorder(t), t: t}
	t.Cleanup(r.ended) // runs after connections are closed
	return r
}

func (r *recorder) option(service string) gorillaws.Option {
	tp := oteltrace.TracerProvider(r.Service(service))
	if os.Getenv("WAKECHAIN_LEAN") != "" {
		tp = lean.NewTracerProvider(lean.WithSpanProcessor(r.SpanProcessor()), lean.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
	}
	return gorillaws.WithTracerProvider(tp)
}

// ended waits until every handler has returned and every span has ended.
func (r *recorder) ended() {
	r.t.Helper()
	r.handlers.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := r.WaitEnded(ctx); err != nil {
		r.t.Error(err)
	}
}

// compared are the attributes that trees are compared by.
var compared = []attribute.Key{
	semconv.BlockReasonKey, semconv.WakeReasonKey, semconv.ErrorTypeKey, semconv.WebSocketMessageTypeKey,
	semconv.WebSocketMessageSizeKey, semconv.WebSocketFrameCountKey, semconv.WebSocketWireSizeKey,
	semconv.WebSocketCloseCodeKey, semconv.WebSocketCloseInitiatorKey, semconv.WebSocketHandshakeCheckKey,
}

// steps matches the steps of handshakes.
var steps = tracetest.Matching("the steps of a handshake", func(s *chain.Span) bool {
	return s.Parent != nil && strings.HasPrefix(s.Parent.Name, semconv.SpanHandshake) && strings.ContainsAny(s.Name, "_") || s.Name == semconv.StepTLS || s.Name == semconv.StepConnect || s.Name == semconv.StepDNS
})

// wantTree compares all spans but the steps of handshakes.
func (r *recorder) wantTree(want string, opts ...tracetest.TreeOption) {
	r.t.Helper()
	r.ended()
	tracetest.AssertTree(r.t, r.Chain(), want, append(opts, tracetest.Without(steps),
		tracetest.TrimPrefix("websocket.", "block.", "wake."), tracetest.Exact(compared...))...)
}

// serve serves fn as the goroutine of each connection, and returns the URL.
func (r *recorder) serve(u gorillaws.Upgrader, fn func(*gorillaws.Conn) error, opts ...gorillaws.Option) string {
	r.t.Helper()
	u.Options = append(u.Options, r.option("server"))
	return r.listen(gorillaws.Handler("serve", func(_ context.Context, c *gorillaws.Conn) error { return fn(c) },
		append(opts, gorillaws.WithUpgrader(&u))...))
}

// listen serves h until the test ends.
func (r *recorder) listen(h http.Handler) string {
	r.t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.handlers.Add(1)
		defer r.handlers.Done()
		h.ServeHTTP(w, req)
	}))
	srv.Listener = gorillaws.NewListener(srv.Listener)
	srv.Start()
	r.t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func (r *recorder) dial(url string, d gorillaws.Dialer) *gorillaws.Conn {
	r.t.Helper()
	d.Options = append(d.Options, r.option("client"))
	c, _, err := d.DialContext(r.t.Context(), url, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

// echo writes back what it reads.
func echo(c *gorillaws.Conn) error {
	for {
		typ, p, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.WriteMessage(typ, p); err != nil {
			return err
		}
	}
}

// until waits for a condition that other goroutines make true.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("timeout: %s", what)
		}
	}
}
