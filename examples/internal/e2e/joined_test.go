package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sched"
	"github.com/wakechain/wakechain/trace/sched/annotator"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// TestJoined has Jaeger show what an HTTP service, which knows OpenTelemetry and a
// sync.Mutex alone, waits for: below its own spans, and without a warning.
func TestJoined(t *testing.T) {
	j := newJaeger(t)
	j.start()
	rec := sched.NewRecorder()
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	defer rec.Stop()
	spans := tracetest.NewSpanRecorder()
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(annotator.New()), sdktrace.WithSpanProcessor(spans))
	defer func() { _ = tp.Shutdown(context.WithoutCancel(t.Context())) }()
	tracer := tp.Tracer("stock")
	var mu sync.Mutex
	waits := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, span := tracer.Start(r.Context(), "GET "+r.URL.Path)
		defer span.End()
		close(waits)
		mu.Lock()
		mu.Unlock() //nolint:staticcheck // to wait for it
	}))
	defer srv.Close()
	mu.Lock()
	got := make(chan error, 1)
	go func() {
		resp, err := srv.Client().Get(srv.URL + "/item")
		if err == nil {
			resp.Body.Close()
		}
		got <- err
	}()
	<-waits
	eventually(t, "the handler waits for the lock", func() bool { return bytes.Contains(stacks(), []byte("[sync.Mutex.Lock")) })
	mu.Unlock()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	srv.Close()

	var trace bytes.Buffer
	if _, err := rec.WriteTo(&trace); err != nil {
		t.Fatal(err)
	}
	tr, err := schedread.Read(&trace, schedread.WithService("stock"))
	if err != nil {
		t.Fatal(err)
	}
	ended := chain.FromSpans(spans.Ended())
	var b bytes.Buffer
	if err := chain.WriteOTLP(&b, append(ended, tr.Join(ended)...)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://127.0.0.1:"+j.http+"/v1/traces", "application/json", &b)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	var shown []chain.Span
	var warnings []string
	eventually(t, "Jaeger has the trace", func() bool {
		shown, warnings = j.page(ended[0].TraceID)
		return len(chain.New(shown).Named(semconv.SpanLock)) > 0
	})
	c := chain.New(shown)
	for _, l := range c.Named(semconv.SpanLock) {
		if l.Parent == nil || l.Parent.Name != "GET /item" {
			t.Errorf("the lock is below %v, want GET /item:\n%v", l.Parent, c)
		}
	}
	if len(warnings) > 0 {
		t.Errorf("the page warns: %q", warnings)
	}
	t.Logf("Jaeger has\n%v", c)
}

// stacks are those of all goroutines.
func stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}
