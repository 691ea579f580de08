package session_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// All methods but Read and Reader may be called together.
func TestConnConcurrentSafe(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{tcp: true, options: options{compression: 1}})
		const writers, messages = 4, 10
		var wg sync.WaitGroup
		for _, side := range []conn{p.client, p.server} {
			for range writers {
				wg.Go(func() {
					for range messages {
						if err := side.Write(t.Context(), messageText, []byte(strings.Repeat("x", 1000))); err != nil {
							t.Error(err)
						}
					}
				})
				wg.Go(func() {
					w, err := side.Writer(t.Context(), messageBinary)
					if err != nil {
						t.Error(err)
						return
					}
					for range messages {
						_, _ = io.WriteString(w, strings.Repeat("y", 1000))
					}
					if err := w.Close(); err != nil {
						t.Error(err)
					}
				})
				wg.Go(func() {
					if err := side.Ping(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		var readers sync.WaitGroup
		var wait sync.WaitGroup // for the messages
		wait.Add(2)
		for _, side := range []conn{p.client, p.server} {
			readers.Go(func() {
				for i := 0; ; i++ {
					if i == writers*(messages+1) {
						wait.Done()
					}
					_, r, err := side.Reader(t.Context())
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r)
				}
			})
		}
		wg.Wait()
		wait.Wait()
		for _, side := range []conn{p.client, p.server} {
			for range 2 {
				wg.Go(func() { _ = side.Close(1000, "") })
				wg.Go(func() { _ = side.CloseNow() })
			}
		}
		wg.Wait()
		readers.Wait()
		for _, r := range []*recorder{p.clientSpans, p.serverSpans} {
			wantEnded(t, r)
			if got, want := len(r.Chain().Named(semconv.SpanWrite)), writers*(messages+1); got != want {
				t.Errorf("got %d writes, want %d", got, want)
			}
			if got := len(r.Chain().Named(semconv.SpanClose)); got != 1 {
				t.Errorf("got %d closes, want 1", got)
			}
			seen := map[string]bool{}
			for _, s := range r.Chain().Named(semconv.SpanRead) {
				if index := s.Str(semconv.WebSocketMessageIndexKey); index != "" {
					if seen[index] {
						t.Errorf("two messages have the index %s", index)
					}
					seen[index] = true
				}
			}
			if len(seen) != writers*(messages+1) {
				t.Errorf("got %d messages read, want %d", len(seen), writers*(messages+1))
			}
		}
	})
}

// The first message of a client is sent while http.Transport may still be inside the
// Write of the request, and both sides write at once.
func TestManyShortConnections(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		client, server := newRecorder(t), newRecorder(t)
		l, url := listen(t)
		serve(t, l, lib.handler("greet", func(ctx context.Context, c conn) error {
			if err := c.Write(ctx, messageText, []byte("from the server")); err != nil {
				return err
			}
			_, _, err := c.Read(ctx)
			return err
		}, server.option()))
		var wg sync.WaitGroup
		const workers, connections = 8, 40
		for range workers {
			wg.Go(func() {
				for range connections {
					c, _, err := lib.traced.dial(t.Context(), url, options{}, client.option())
					if err != nil {
						t.Error(err)
						return
					}
					if err := c.Write(t.Context(), messageText, []byte("from the client")); err != nil {
						t.Error(err)
					}
					if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "from the server" {
						t.Errorf("got %q, %v", msg, err)
					}
					_, _, _ = c.Read(t.Context()) // the server's close
					_ = c.CloseNow()
				}
			})
		}
		wg.Wait()
		wantEnd(t, server, "greet", workers*connections)
		wantEnded(t, client)
		wantEnded(t, server)
	})
}

// Options and listeners are shared by connections.
func TestOptionsConcurrentSafe(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		l, url := listen(t)
		serve(t, l, echo(t, lib))
		opts := rec.option()
		o := options{header: http.Header{"X-Mine": {"yes"}}, client: &http.Client{Transport: &http.Transport{}}}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				c, _, err := lib.traced.dial(t.Context(), url, o, opts)
				if err != nil {
					t.Error(err)
					return
				}
				wantEcho(t, c)
			})
		}
		wg.Wait()
		wantEnded(t, rec)
	})
}
