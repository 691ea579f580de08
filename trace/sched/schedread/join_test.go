package schedread_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"nhooyr.io/websocket"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sched/annotator"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// below returns the operations of an execution trace below a span, in order.
func below(s *chain.Span) (all []string) {
	for _, c := range s.Children {
		if c.Scope == schedread.Scope && c.Name != semconv.SpanSyscall && c.Name != semconv.SpanGC {
			all = append(all, line(c))
		}
	}
	return all
}

// stock is a service without wakechain.
type stock struct {
	tracer oteltrace.Tracer
	mu     sync.Mutex
}

func (s *stock) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	ctx, span := s.tracer.Start(r.Context(), "GET "+r.URL.Path)
	defer span.End()
	s.count(ctx)
}

//go:noinline
func (s *stock) count(ctx context.Context) {
	_, span := s.tracer.Start(ctx, "count")
	defer span.End()
	s.mu.Lock()
	s.mu.Unlock() //nolint:staticcheck // to wait for it
}

//go:noinline
func (s *stock) release() { s.mu.Unlock() }

// In an HTTP service with OpenTelemetry alone, the wait for a sync.Mutex is below the
// service's own span. Waits of other goroutines are not.
func TestJoin(t *testing.T) {
	rec := recording(t)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(annotator.New()), sdktrace.WithSpanProcessor(spans))
	s := &stock{tracer: tp.Tracer("stock")}
	srv := httptest.NewServer(s)
	defer srv.Close()

	s.mu.Lock()
	ctx, root := tp.Tracer("client").Start(t.Context(), "client")
	var gets sync.WaitGroup
	for range 3 {
		gets.Go(func() {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/item", nil)
			if resp, err := srv.Client().Do(req); err == nil {
				resp.Body.Close()
			}
		})
	}
	for len(stacksOf("[sync.Mutex.Lock]", "count(")) < 3 {
		<-time.After(time.Millisecond)
	}
	s.release()
	gets.Wait()
	root.End()
	srv.Close()

	tr := read(t, snapshot(t, rec), schedread.WithService("stock"))
	ended := chain.FromSpans(spans.Ended())
	c := chain.New(append(ended, tr.Join(ended)...))
	counts := c.Named("count")
	if len(counts) != 3 {
		t.Fatalf("%d spans are %q:\n%v", len(counts), "count", c)
	}
	var got []string
	for _, s := range counts {
		got = append(got, below(s)...)
	}
	slices.Sort(got)
	want := []string{
		"lock count unlocked by schedread_test.TestJoin in release",
		"lock count unlocked by net/http.(*conn).serve in count", "lock count unlocked by net/http.(*conn).serve in count",
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "net/http", "http", 1)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("below count: got\n%s\nwant\n%s\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"), c)
	}
	for _, s := range c.Named("GET /item") {
		if b := below(s); len(b) != 0 {
			t.Errorf("below %v: got %q, want nothing: its waits are in count", s, b)
		}
	}
}

//go:noinline
func recvBare(ch <-chan int) { <-ch }

// A block that wakechain has recorded is not added again. A wait that it did not record is
// below the goroutine's span.
func TestJoinWakechain(t *testing.T) {
	rec := recording(t)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
	wrapped, bare := trace.NewChan[int](0), make(chan int)
	task := trace.Go(ctx, "worker", func(ctx context.Context) error {
		if _, err := wrapped.Recv(ctx); err != nil {
			return err
		}
		recvBare(bare)
		return nil
	})
	for task.State() != semconv.StateBlocked {
		<-time.After(time.Millisecond)
	}
	if err := wrapped.Send(ctx, 1); err != nil {
		t.Fatal(err)
	}
	for len(stacksOf("[chan receive", "schedread_test.recvBare(")) == 0 {
		<-time.After(time.Millisecond)
	}
	bare <- 1
	if err := task.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}

	tr := read(t, snapshot(t, rec))
	ended := chain.FromSpans(spans.Ended())
	c := chain.New(append(ended, tr.Join(ended)...))
	launch := c.Named("worker")[0]
	got := below(launch)
	if want := []string{"recv recvBare received by schedread_test.TestJoinWakechain in TestJoinWakechain"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q\n%v", got, want, c)
	}
}

// The park of a read on a wakechain connection is assigned to that connection. It is not
// added, since wakechain's own block is there.
func TestJoinConnection(t *testing.T) {
	rec := recording(t)
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
	send := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		<-send
		_ = c.Write(context.Background(), websocket.MessageText, []byte("hello"))
	}))
	defer srv.Close()

	c, _, err := wsconn.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	reader := trace.Go(ctx, "reader", func(ctx context.Context) error {
		_, _, err := c.Read(ctx)
		return err
	})
	for len(stacksOf("[IO wait", "wsconn.(*Conn).Read")) == 0 {
		<-time.After(time.Millisecond)
	}
	close(send)
	if err := reader.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseNow()

	tr := read(t, snapshot(t, rec))
	ended := chain.FromSpans(spans.Ended())
	joined := tr.Join(ended)
	for _, s := range joined {
		if s.Name == string(semconv.ReasonNetRead) && strings.Contains(s.Str(semconv.CodeStacktraceKey), "TestJoinConnection.func2") {
			t.Errorf("a read is told twice: %v in %v", s, chain.New(append(ended, joined...)))
		}
	}
	all := chain.New(ended)
	handshake := all.Named(semconv.SpanHandshake)[0]
	found := 0
	for _, op := range chain.New(tr.Spans()).Named(string(semconv.ReasonNetRead)) {
		if !strings.Contains(op.Str(semconv.CodeStacktraceKey), "TestJoinConnection.func2") {
			continue
		}
		found++
		for _, key := range []attribute.Key{semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey} {
			if got, want := op.Str(key), handshake.Str(key); got != want || want == "" {
				t.Errorf("%s: got %q, want the handshake's %q", key, got, want)
			}
		}
	}
	if found != 1 {
		t.Errorf("the read parked %d times in the execution trace, want once", found)
	}
}
