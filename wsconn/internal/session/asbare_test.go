package session_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// asBare compares the result of f with the bare library and with a traced one.
func asBare[T any](t *testing.T, lib library, f func(end endpoint, opts ...session.Option) T) *recorder {
	t.Helper()
	rec := newRecorder(t)
	want := f(lib.bare)
	if got := f(lib.traced, rec.option()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want as bare %v", got, want)
	}
	return rec
}

// A dial without a context is an error or panics, like the library.
func TestDialNilContext(t *testing.T) {
	for name, client := range map[string]*http.Client{
		"error": nil, "panic": {Timeout: time.Second}, // which the library makes a context for
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				asBare(t, lib, func(end endpoint, opts ...session.Option) (came string) {
					if name == "panic" {
						opts = []session.Option{session.WithTracerProvider(noopProvider)} // or its span would not end
						defer func() { came = fmt.Sprint("panic: ", recover()) }()
					}
					c, resp, err := end.dial(nil, "ws://127.0.0.1", options{client: client}, opts...)
					if err == nil {
						t.Error("got no error")
					}
					return fmt.Sprint(c, resp, err)
				})
			})
		})
	}
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		_, _, err := lib.traced.dial(nil, "ws://127.0.0.1", options{}, rec.option())
		if err == nil {
			t.Error("got no error")
		}
		tracetest.AssertTree(t, rec.Chain(), `handshake {status=error, error.type=_OTHER}`, tracetest.Exact(semconv.ErrorTypeKey))
	})
}

// Pings do not wait for one another: neither behind a write that is parked for longer than
// the library waits, nor for pongs that never arrive.
func TestPingsTogether(t *testing.T) {
	const n = 3
	ping := func(t *testing.T, c conn, ctx func() (context.Context, context.CancelFunc)) []string {
		t.Helper()
		var wg sync.WaitGroup
		results := make([]string, n)
		start := time.Now()
		for i := range n {
			wg.Go(func() {
				ctx, cancel := ctx()
				defer cancel()
				err := c.Ping(ctx)
				results[i] = fmt.Sprint(time.Since(start), ": ", err)
			})
		}
		wg.Wait()
		return results
	}
	t.Run("locked", func(t *testing.T) {
		bubble(t, func(t *testing.T, lib library) {
			var spans []*recorder
			run := func(bare bool) []string {
				c, rec, _ := rawServer(t, lib, setup{stalls: true, bare: bare})
				spans = append(spans, rec)
				var wg sync.WaitGroup
				wg.Go(func() { _ = c.Write(t.Context(), messageText, []byte("parked")) })
				time.Sleep(10 * ms)
				results := ping(t, c, func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) })
				_ = c.CloseNow()
				wg.Wait()
				return results
			}
			want, got := run(true), run(false)
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want as bare %q", got, want)
			}
			for _, r := range want {
				if !strings.HasPrefix(r, "5s: ") {
					t.Errorf("got %q, want the five seconds of the library", r)
				}
			}
			wantTree(t, spans[1], `
				write @0s 5.01s {status=error, error.type=closed, message.type=text, message.size=6}
					block @0s 5.01s {reason=net.write, source=timed}
					wake @5.01s 0s {reason=closed} -> close
				ping ×3 @10ms 5s {status=error, error.type=deadline_exceeded}
					block @10ms 5s {reason=write.lock}
					wake @5.01s 0s {reason=deadline}
				close @5.01s 0s {status=error, error.type=close_now, close.completed=false}
			`)
		})
	})
	t.Run("unanswered", func(t *testing.T) {
		bubble(t, func(t *testing.T, lib library) {
			run := func(bare bool) []string {
				c, _, p := rawServer(t, lib, setup{bare: bare})
				drained := p.drain()
				results := ping(t, c, func() (context.Context, context.CancelFunc) {
					return context.WithTimeout(t.Context(), 5*time.Second)
				})
				_ = c.CloseNow()
				_ = p.Close()
				<-drained
				return results
			}
			want, got := run(true), run(false)
			if !slices.Equal(got, want) || !strings.HasPrefix(want[0], "5s: ") {
				t.Errorf("got %q, want as bare %q", got, want)
			}
		})
	})
}

// However pings overlap, each has the pong that the peer sent for it.
func TestPingsConcurrentSafe(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		const n = 50
		c, rec, p := rawServer(t, lib, setup{})
		read, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = c.Read(read) })
		var pings sync.WaitGroup
		for range n {
			pings.Go(func() {
				ctx, cancel := context.WithTimeout(rec.context(t.Context()), time.Second)
				defer cancel()
				_ = c.Ping(ctx) // the peer decides whether it is answered
			})
		}
		answered := map[string]time.Duration{} // one in three gets a pong, each in its own millisecond
		start := time.Now()
		for i := range n {
			op, payload := p.receive(t)
			if op != opPing {
				t.Fatalf("got opcode %x", op)
			}
			if i%3 == 0 {
				time.Sleep(ms)
				answered[payload] = time.Since(start)
				p.send(t, p.frame(opPong, payload))
			}
		}
		pings.Wait()
		stop()
		wg.Wait()
		wantEnded(t, rec)
		var got []time.Duration
		for _, s := range rec.Chain().Named(semconv.SpanPing) {
			// The ping may have waited for the lock before.
			var last string
			for _, w := range s.Children {
				if w.Is(semconv.SpanWake) {
					last = w.Str(semconv.WakeReasonKey)
				}
			}
			if want := map[bool]semconv.WakeReason{true: semconv.WakeReceived, false: semconv.WakeDeadline}[s.Duration() < time.Second]; last != string(want) {
				t.Errorf("a ping of %v ended with %q, want %q", s.Duration(), last, want)
			}
			if s.Duration() < time.Second {
				got = append(got, s.Duration())
			}
		}
		want := slices.Sorted(func(yield func(time.Duration) bool) {
			for _, d := range answered {
				if !yield(d) {
					return
				}
			}
		})
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("pongs came after %v, want %v", got, want)
		}
	})
}

// protocol is a RoundTripper of a registered protocol.
type protocol func(r *http.Request) (*http.Response, error)

func (p protocol) RoundTrip(r *http.Request) (*http.Response, error) { return p(r) }

// A protocol of RegisterProtocol makes the connection.
func TestDialRegisteredProtocol(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		l, url := listen(t)
		serve(t, l, echo(t, lib))
		for _, test := range []struct{ name, want string }{
			{"used", "[http dial]"},
			{"skipped", "[http dial]"},
			{"redirected", "[http other dial]"},
		} {
			t.Run(test.name, func(t *testing.T) {
				var want []string
				asBare(t, lib, func(end endpoint, opts ...session.Option) []string {
					var calls []string
					inner := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
						calls = append(calls, "dial")
						return (&net.Dialer{}).DialContext(ctx, network, addr)
					}}
					user := &http.Transport{DialContext: inner.DialContext}
					user.RegisterProtocol("http", protocol(func(r *http.Request) (*http.Response, error) {
						calls = append(calls, "http")
						switch test.name {
						case "skipped":
							return nil, http.ErrSkipAltProtocol
						case "redirected":
							return &http.Response{
								StatusCode: http.StatusFound, Body: http.NoBody, Request: r,
								Header: http.Header{"Location": {"other" + strings.TrimPrefix(url, "ws")}},
							}, nil
						}
						return inner.RoundTrip(r)
					}))
					user.RegisterProtocol("other", protocol(func(r *http.Request) (*http.Response, error) {
						calls = append(calls, "other")
						r = r.Clone(r.Context())
						r.URL.Scheme = "http"
						return inner.RoundTrip(r)
					}))
					c, _, err := end.dial(t.Context(), url, options{client: &http.Client{Transport: user}}, opts...)
					if err != nil {
						t.Fatal(err)
					}
					wantEcho(t, c)
					want = calls
					return calls
				})
				if fmt.Sprint(want) != test.want {
					t.Errorf("got %v, want %v", want, test.want)
				}
			})
		}
	})
}

// upgraded is a RoundTripper that dials for each request. The body of the upgraded
// response is the connection itself or, if hidden, has only the methods that the libraries
// ask for.
type upgraded struct {
	network, addr string
	hidden        bool
}

func (u upgraded) RoundTrip(r *http.Request) (*http.Response, error) {
	nc, err := net.Dial(u.network, u.addr)
	if err != nil {
		return nil, err
	}
	if err := r.Write(nc); err != nil {
		return nil, err
	}
	// Read byte by byte, so as not to read beyond the headers.
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); head.Write(b) {
		if _, err := nc.Read(b); err != nil {
			return nil, err
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head.String())), r)
	if err != nil {
		return nil, err
	}
	if resp.Body = nc; u.hidden {
		resp.Body = struct{ io.ReadWriteCloser }{nc}
	}
	return resp, nil
}

// A client's NetConn has the addresses that the bare library gives it.
func TestDialedAddresses(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		l, _ := listen(t)
		serve(t, l, echo(t, lib))
		socket := filepath.Join(t.TempDir(), "s")
		unix, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		serve(t, unix, echo(t, lib))
		for _, test := range []struct {
			name string
			rt   http.RoundTripper
			want string // of the peer
		}{
			{"tcp", upgraded{"tcp", l.Addr().String(), false}, "tcp " + l.Addr().String()},
			{"unix", upgraded{"unix", socket, false}, "unix " + socket},
			{"hidden", upgraded{"tcp", l.Addr().String(), true}, "websocket websocket/unknown-addr"},
		} {
			t.Run(test.name, func(t *testing.T) {
				asBare(t, lib, func(end endpoint, opts ...session.Option) string {
					c, _, err := end.dial(t.Context(), "ws://"+l.Addr().String(), options{client: &http.Client{Transport: test.rt}}, opts...)
					if err != nil {
						t.Fatal(err)
					}
					nc := end.netConn(t.Context(), c, messageText)
					remote := nc.RemoteAddr().Network() + " " + nc.RemoteAddr().String()
					if remote != test.want {
						t.Errorf("got %q, want %q", remote, test.want)
					}
					local := nc.LocalAddr().Network()
					if host, _, err := net.SplitHostPort(nc.LocalAddr().String()); err == nil {
						local += " " + host // and a port that differs
					}
					wantEcho(t, c)
					return remote + " <- " + local
				})
			})
		}
	})
}
