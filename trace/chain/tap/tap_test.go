package tap_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/tap"
	"github.com/wakechain/wakechain/trace/lean"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ask sends a query to the tap, inside the caller's bubble.
func ask(ctx context.Context, t *tap.Tap, query string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	t.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/spans"+query, nil))
	return w
}

func names(t *testing.T, body string) string {
	t.Helper()
	spans, _, err := chain.Read(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var all []string
	for _, s := range spans {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// A request receives the spans that end while it is open, and no others.
func TestTap(t *testing.T) {
	for name, provider := range map[string]func(sdktrace.SpanProcessor) oteltrace.TracerProvider{
		"SDK": func(p sdktrace.SpanProcessor) oteltrace.TracerProvider {
			return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(p))
		},
		"lean": func(p sdktrace.SpanProcessor) oteltrace.TracerProvider {
			return lean.NewTracerProvider(lean.WithSpanProcessor(p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spans := tap.New(tap.WithMaxSpans(3))
				tracer := provider(spans).Tracer("test")
				end := func(name string) { _, s := tracer.Start(t.Context(), name); s.End() }
				end("before")
				var wg sync.WaitGroup
				var short, long *httptest.ResponseRecorder
				wg.Go(func() { short = ask(t.Context(), spans, "?seconds=1") })
				wg.Go(func() { long = ask(t.Context(), spans, "") })
				synctest.Wait()
				end("a")
				time.Sleep(2 * time.Second)
				for _, n := range []string{"b", "c", "d", "e"} {
					end(n)
				}
				wg.Wait()
				end("after")
				if got := names(t, short.Body.String()); got != "a" || short.Header().Get(tap.LeftOut) != "" {
					t.Errorf("in the first second: %q, left out %q", got, short.Header().Get(tap.LeftOut))
				}
				if got := names(t, long.Body.String()); got != "a b c" || long.Header().Get(tap.LeftOut) != "2" {
					t.Errorf("in five seconds: %q, left out %q", got, long.Header().Get(tap.LeftOut))
				}
			})
		})
	}
}

// Too many requests and wrong ones are refused. A client that goes away is forgotten.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans := tap.New()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if w := ask(ctx, spans, "?seconds=300"); w.Body.Len() > 0 {
					t.Errorf("who is gone was answered: %s", w.Body)
				}
			})
		}
		synctest.Wait()
		if w := ask(t.Context(), spans, ""); w.Code != http.StatusServiceUnavailable {
			t.Errorf("a fifth is answered %d", w.Code)
		}
		cancel()
		wg.Wait()
		if w := ask(t.Context(), spans, "?seconds=0.5"); w.Code != http.StatusOK || w.Body.Len() > 0 {
			t.Errorf("answered %d: %s", w.Code, w.Body)
		}
		for _, bad := range []string{"x", "-1", "0", "301", "NaN"} {
			if w := ask(t.Context(), spans, "?seconds="+bad); w.Code != http.StatusBadRequest {
				t.Errorf("seconds=%s is answered %d", bad, w.Code)
			}
		}
		w := httptest.NewRecorder()
		if spans.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil)); w.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST is answered %d", w.Code)
		}
	})
}

// Spans end while requests come and go.
func TestTapConcurrentSafe(t *testing.T) {
	spans := tap.New()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 100 {
				_, s := p.Tracer("test").Start(t.Context(), fmt.Sprint(i, j))
				s.End()
			}
		})
		wg.Go(func() { ask(t.Context(), spans, "?seconds=0.001") })
	}
	wg.Wait()
}

// Without requests, a span allocates nothing.
func TestAllocs(t *testing.T) {
	spans := tap.New()
	p := sdktrace.NewTracerProvider()
	_, s := p.Tracer("test").Start(t.Context(), "x")
	s.End()
	if n := testing.AllocsPerRun(100, func() { spans.OnEnd(s.(sdktrace.ReadOnlySpan)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
