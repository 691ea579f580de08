package wstest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/wsconn/wstest"
)

// serve serves h on l until the test is over, and returns a client.
func serve(t *testing.T, l *wstest.Listener, h http.HandlerFunc) *http.Client {
	t.Helper()
	srv := &http.Server{Handler: h}
	var served sync.WaitGroup
	served.Go(func() {
		if err := srv.Serve(l); err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	tr := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		_ = srv.Close()
		served.Wait()
	})
	return &http.Client{Transport: tr}
}

// Plain HTTP works: keep-alive, bodies larger than the window, and a client that goes away
// during a request.
func TestHTTP(t *testing.T) {
	for name, opts := range map[string][]wstest.Option{
		"plain":   nil,
		"small":   {wstest.WithWindow(64)},
		"latency": {wstest.WithLatency(20 * time.Millisecond), wstest.WithWindow(1000)},
		"chunks":  {wstest.WithChunks(7)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gone := make(chan time.Time, 1)
				client := serve(t, wstest.Listen(opts...), func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/wait" {
						<-r.Context().Done()
						gone <- time.Now()
						return
					}
					if r.RemoteAddr != "client" {
						t.Errorf("got a request of %q", r.RemoteAddr)
					}
					body, _ := io.ReadAll(r.Body)
					_, _ = w.Write(body)
				})
				body := strings.Repeat("hello ", 5000)
				for range 3 {
					resp, err := client.Post("http://server/echo", "text/plain", strings.NewReader(body))
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if string(got) != body || err != nil {
						t.Fatalf("got %d bytes, %v, want %d", len(got), err, len(body))
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/wait", nil)
				resp, err := client.Do(req)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, %v, want the deadline", resp, err)
				}
				<-gone
			})
		})
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wstest.Listen()
		if got := l.Addr().Network() + " " + l.Addr().String(); got != "memory server" {
			t.Errorf("got address %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.DialContext(ctx, "tcp", "any:80"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial that nobody accepts: got %v", err)
		}
		accepted := make(chan error)
		go func() {
			_, err := l.Accept()
			accepted <- err
		}()
		synctest.Wait()
		_, _ = l.Close(), l.Close()
		if err := <-accepted; !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept in progress: got %v, want %v", err, net.ErrClosed)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept: got %v, want %v", err, net.ErrClosed)
		}
		if _, err := l.DialContext(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: got %v, want %v", err, syscall.ECONNREFUSED)
		}
	})
}

func TestListenerConcurrentSafe(t *testing.T) {
	l := wstest.Listen()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			c, err := l.DialContext(t.Context(), "", "")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = c.Write([]byte("a"))
			_ = c.Close()
		})
		wg.Go(func() {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := io.ReadAll(c); string(got) != "a" || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
			_ = c.Close()
		})
	}
	wg.Wait()
	for range 5 {
		wg.Go(func() { _ = l.Close() })
	}
	wg.Wait()
}
