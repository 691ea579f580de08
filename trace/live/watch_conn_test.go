package live_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// stalls receives each `stalled` span when it ends.
type stalls chan sdktrace.ReadOnlySpan

func (stalls) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (stalls) Shutdown(context.Context) error                  { return nil }
func (stalls) ForceFlush(context.Context) error                { return nil }

func (c stalls) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.Name() == semconv.SpanStalled {
		c <- s
	}
}

// TestWatchSocket: while a write on a real socket is stuck, its span `stalled` has the
// kernel's evidence and says what the reader does instead.
func TestWatchSocket(t *testing.T) {
	told := make(stalls, 16)
	rec := tracetest.NewRecorder(t, tracetest.WithProviderOptions(sdktrace.WithSpanProcessor(told)))
	option := wsconn.WithTracerProvider(rec.TracerProvider())
	h := wsconn.Handler("sen_data", func(ctx context.Context, c *wsconn.Conn) error {
		for {
			if err := c.Write(ctx, wsconn.MessageBinary, make([]byte, 1<<14)); err != nil {
				return err
			}
		}
	}, option)
	served := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	stop := live.Watch(t.Context(), live.WithStallAfter(200*time.Millisecond))
	defer stop()

	ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
	hello := trace.Go(ctx, "hello", func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), nil, option)
		if err != nil {
			return err
		}
		defer c.CloseNow()
		c.SetReadLimit(1 << 20)
		for range 3 {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		return trace.Sleep(ctx, time.Hour)
	})
	for range 2 { // after 0.2 and 2 seconds
		select {
		case <-told:
		case <-time.After(time.Minute):
			t.Fatal("nothing is told")
		}
	}
	meanwhile := rec.Chain().Named(semconv.SpanStalled)
	if len(meanwhile) != 2 {
		t.Fatalf("%d were told, want 2", len(meanwhile))
	}
	for i, s := range meanwhile {
		_, open := s.StillBlocked()
		if open != (i == 1) {
			t.Errorf("%d: not over: %t", i, open)
		}
		if s.Parent == nil || s.Parent.Name != "sen_data" {
			t.Errorf("it is below %v, want sen_data", s.Parent)
		}
		if got := s.Str(semconv.StalledReaderKey); !strings.HasPrefix(got, "hello is in sleep for ") {
			t.Errorf("the reader is told as %q", got)
		}
	}
	if last := meanwhile[1]; runtime.GOOS == "linux" {
		age, _ := last.Stalled()
		if got := last.Str(semconv.BlockCauseKey); got != string(semconv.CausePeerWindow) {
			t.Errorf("the cause is %q: %v", got, last.Attributes)
		}
		if limited := last.Float(semconv.TCPRwndLimitedKey); limited < age.Seconds()/2 || limited > age.Seconds()+1 {
			t.Errorf("the window was in the way for %v s of %v", limited, age)
		}
		if last.Int(semconv.TCPSendQueueKey) <= 0 || last.Int(semconv.TCPWrittenKey) <= 0 {
			t.Errorf("no ledger: %v", last.Attributes)
		}
	}

	hello.Cancel(nil)
	_ = hello.Wait(t.Context())
	<-served
	stop()
	over(t, rec.Chain())
}

// over checks that no stall goes on, and that each `stalled` links to its operation and is
// linked from the next one or from the block.
func over(t *testing.T, c *chain.Chain) {
	t.Helper()
	for _, s := range c.Named(semconv.SpanStalled) {
		if since, ok := s.StillBlocked(); ok {
			t.Errorf("%v goes on since %v", s, since)
		}
		if len(s.Links) == 0 || s.Links[0].Span == nil || s.Links[0].Span.Name != s.Str(semconv.StalledOperationKey) {
			t.Errorf("%v links to %v, want its operation", s, s.Links)
		}
		if len(s.LinkedFrom) != 1 || !s.LinkedFrom[0].Is(semconv.SpanBlock) && s.LinkedFrom[0].Name != semconv.SpanStalled {
			t.Errorf("%v is linked from %v, want the block or the next", s, s.LinkedFrom)
		}
	}
}

// The stall of a goroutine that trace did not start is reported below the connection's
// handshake, even if the connection records nothing but stalls.
func TestWatchNoGoroutine(t *testing.T) {
	for name, spans := range map[string]wsconn.MessageSpans{"all": wsconn.MessagesAll, "blocked": wsconn.MessagesBlocked} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rec := tracetest.NewRecorder(t)
				get, start := wstest.Pipe(t, wstest.WithWindow(128),
					wstest.WithClient(wsconn.WithTracerProvider(rec.Service("socket_get")), wsconn.WithMessageSpans(spans)),
					wstest.WithServer(wsconn.WithTracerProvider(rec.Service("socket_start")), wsconn.WithMessageSpans(spans)))
				defer live.Watch(t.Context())()
				sent := make(chan error, 1)
				go func() {
					err := error(nil)
					for err == nil {
						err = start.Write(t.Context(), wsconn.MessageText, []byte(`{"value":1}`))
					}
					sent <- err
				}()
				time.Sleep(20 * time.Second)
				if got := len(rec.Chain().Named(semconv.SpanStalled)); got != 2 {
					t.Errorf("%d were told, want 2", got)
				}
				_ = get.CloseNow()
				<-sent
				_ = start.CloseNow()
				synctest.Wait()
				c := rec.Chain()
				over(t, c)
				for _, s := range c.Named(semconv.SpanStalled) {
					if s.Parent == nil || !s.Parent.Is(semconv.SpanHandshake) || s.Service != "socket_start" {
						t.Errorf("%v of %s is below %v, want the server's handshake", s, s.Service, s.Parent)
					}
				}
			})
		})
	}
}

// TestWatchRead: a read that waits for the rest of a message is stuck, and one that
// waits for a message is not.
func TestWatchRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		get, start := wstest.Pipe(t,
			wstest.WithClient(wsconn.WithTracerProvider(rec.Service("socket_get"))),
			wstest.WithServer(wsconn.WithTracerProvider(rec.Service("socket_start"))))
		defer live.Watch(t.Context())()
		read := make(chan error, 1)
		go func() {
			_, _, err := get.Read(t.Context())
			read <- err
		}()
		time.Sleep(5 * time.Second)
		tracetest.AssertNone(t, rec.Chain(), semconv.SpanStalled)
		w, err := start.Writer(t.Context(), wsconn.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, 1<<13)); err != nil { // more than the buffer of the library, which sends a first frame
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		told := rec.Chain().Named(semconv.SpanStalled)
		if len(told) != 1 || told[0].Str(semconv.StalledOperationKey) != semconv.SpanRead {
			t.Fatalf("told of %v, want the read in the midst of its message", told)
		}
		over(t, rec.Chain())
	})
}
