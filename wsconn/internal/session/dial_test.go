package session_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// echo returns a server of the bare library.
func echo(t *testing.T, lib library) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := lib.bare.accept(w, r, options{})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		for {
			typ, msg, err := c.Read(context.WithoutCancel(r.Context()))
			if err != nil {
				return
			}
			_ = c.Write(context.WithoutCancel(r.Context()), typ, msg)
		}
	})
}

// wantEcho sends a message to an echo server, and closes the connection.
func wantEcho(t *testing.T, c conn) {
	t.Helper()
	if err := c.Write(t.Context(), messageText, []byte("hello")); err != nil {
		t.Error(err)
	}
	if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "hello" {
		t.Errorf("got %q, %v", msg, err)
	}
	_ = c.Close(1000, "")
}

// A refused handshake names the check that refused, returns what the bare
// library returns, and leaves neither a close nor a connection behind.
func TestDialRefused(t *testing.T) {
	raw := func(answer func(r *http.Request) string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = io.WriteString(nc, answer(r))
			_ = nc.Close()
		})
	}
	for _, test := range []struct {
		check, errorType string
		handler          http.Handler
	}{
		{"status", "403", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "members only"+strings.Repeat("!", 2000), http.StatusForbidden)
		})},
		{"connection", semconv.ErrorOther, raw(func(r *http.Request) string {
			return strings.Replace(switching(r, ""), "Connection: Upgrade", "Connection: close", 1) + "body"
		})},
		{"upgrade", semconv.ErrorOther, raw(func(r *http.Request) string {
			return strings.Replace(switching(r, ""), "Upgrade: websocket", "Upgrade: h2c", 1) + "body"
		})},
		{"sec-websocket-accept", semconv.ErrorOther, raw(func(r *http.Request) string {
			return strings.Replace(switching(r, ""), "Accept: ", "Accept: x", 1) + "body"
		})},
		{"sec-websocket-protocol", semconv.ErrorOther, raw(func(r *http.Request) string {
			return switching(r, "Sec-WebSocket-Protocol: unasked\r\n") + "body"
		})},
		{"sec-websocket-extensions", semconv.ErrorOther, raw(func(r *http.Request) string {
			return switching(r, "Sec-WebSocket-Extensions: unasked\r\n") + "body"
		})},
	} {
		t.Run(test.check, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				l, url := listen(t)
				serve(t, l, test.handler)
				rec := newRecorder(t)
				client := &http.Client{Transport: &http.Transport{}}
				defer client.CloseIdleConnections()
				_, want, wantErr := lib.bare.dial(t.Context(), url, options{client: client})
				_, got, gotErr := lib.traced.dial(t.Context(), url, options{client: client}, rec.option())
				if gotErr == nil {
					t.Fatal("got no error")
				}
				if test.check != "sec-websocket-accept" && gotErr.Error() != wantErr.Error() { // its error names the key
					t.Errorf("got error %v, want %v", gotErr, wantErr)
				}
				wantBody, _ := io.ReadAll(want.Body)
				gotBody, err := io.ReadAll(got.Body)
				if err != nil || string(gotBody) != string(wantBody) || got.StatusCode != want.StatusCode {
					t.Errorf("got %d %q, %v, want %d %q", got.StatusCode, gotBody, err, want.StatusCode, wantBody)
				}
				s := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
				if got := s.Str(semconv.WebSocketHandshakeCheckKey); got != test.check {
					t.Errorf("got check %q, want %q", got, test.check)
				}
				if got := s.Str(semconv.ErrorTypeKey); got != test.errorType {
					t.Errorf("got error.type %q, want %q", got, test.errorType)
				}
				wantTree(t, rec, ``)
			})
		})
	}
}

// A handshake that gets no answer at all.
func TestDialFails(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		l, url := listen(t)
		_ = l.Close()
		rec := newRecorder(t)
		_, _, err := lib.traced.dial(t.Context(), url, options{}, rec.option())
		if err == nil {
			t.Fatal("got no error")
		}
		tracetest.AssertTree(t, rec.Chain(), `
			handshake {status=error, error.type=connection_refused}
				connect {status=error, error.type=connection_refused}
		`, exactly...)
		rec = newRecorder(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := lib.traced.dial(ctx, url, options{}, rec.option()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want canceled", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `handshake ...`, exactly...)
		rec = newRecorder(t)
		if _, _, err := lib.traced.dial(t.Context(), "\x00", options{}, rec.option()); err == nil {
			t.Error("got no error for a URL that is none")
		}
		wantEnded(t, rec)
		rec = newRecorder(t)
		_, above := trace.Start(rec.context(t.Context()), "above")
		if err := trace.Go(above.Context(), "dials", func(ctx context.Context) error {
			_, _, err := lib.traced.dial(ctx, url, options{}, rec.option())
			return err
		}).Wait(t.Context()); err == nil {
			t.Error("got no error")
		}
		above.End(nil)
		tracetest.AssertTree(t, rec.Chain(), `
			above
				dials {status=error, state=failed, error.type=connection_refused} -> handshake
					handshake {status=error, error.type=connection_refused}
						connect {status=error, error.type=connection_refused}
		`, exactly...)
	})
}

// The program's client and options are used and left unchanged.
func TestDialLeavesTheHostAlone(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		type key struct{}
		var mu sync.Mutex
		var seen []string
		see := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, what)
		}
		states := map[net.Conn]http.ConnState{}
		l, base := listen(t)
		srv := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				see(r.URL.Path + " " + r.Header.Get("Cookie") + " " + r.Header.Get("X-Mine"))
				if r.URL.Path == "/old" {
					http.SetCookie(w, &http.Cookie{Name: "c", Value: "1"})
					http.Redirect(w, r, strings.Replace(base, "ws:", "http:", 1)+"/new", http.StatusFound)
					return
				}
				echo(t, lib).ServeHTTP(w, r)
			}),
			ConnState: func(c net.Conn, s http.ConnState) {
				mu.Lock()
				defer mu.Unlock()
				states[c] = s
			},
		}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(l) }()
		t.Cleanup(func() {
			_ = srv.Close()
			<-served
		})

		jar, _ := cookiejar.New(nil)
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			see(fmt.Sprint("dial ", ctx.Value(key{})))
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		transport := &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 7}
		client := &http.Client{
			Transport: transport, Jar: jar, Timeout: time.Minute,
			CheckRedirect: func(r *http.Request, _ []*http.Request) error {
				see("redirect to " + r.URL.Path)
				return nil
			},
		}
		o := options{client: client, header: http.Header{"X-Mine": {"yes"}}}
		header, before := o.header.Clone(), *client
		ctx := httptrace.WithClientTrace(context.WithValue(t.Context(), key{}, "mine"), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { see("got a connection") },
		})
		rec := newRecorder(t)
		c, resp, err := lib.traced.dial(ctx, base+"/old", o, rec.option())
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.StatusCode; got != http.StatusSwitchingProtocols {
			t.Errorf("got status %d", got)
		}
		wantEcho(t, c)

		want := []string{
			"dial mine", "got a connection", "/old  yes", "redirect to /new",
			"dial mine", "got a connection", "/new c=1 yes",
		}
		mu.Lock()
		if !slices.Equal(seen, want) {
			t.Errorf("got %q, want %q", seen, want)
		}
		mu.Unlock()
		if !maps.EqualFunc(o.header, header, slices.Equal) {
			t.Errorf("header: got %v, want %v", o.header, header)
		}
		if client.Transport != before.Transport || client.Timeout != before.Timeout || client.Jar != before.Jar {
			t.Error("the client was changed")
		}
		if transport.MaxIdleConnsPerHost != 7 || reflect.ValueOf(transport.DialContext).Pointer() != reflect.ValueOf(dial).Pointer() {
			t.Error("the transport was changed")
		}
		until(t, "no connection stays in a pool", func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, s := range states {
				if s != http.StateClosed && s != http.StateHijacked {
					return false
				}
			}
			return len(states) == 2
		})
		if got, want := len(rec.Chain().Named(semconv.StepConnect)), 2; got != want {
			t.Errorf("got %d connect steps, want %d", got, want)
		}
		wantEnded(t, rec)
	})
}

// The client's timeout bounds the handshake, and not the connection.
func TestDialTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		s := setup{}
		url := dialable(t, &s, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		s.options.client.Timeout = 10 * ms
		rec := newRecorder(t)
		_, _, err := lib.traced.dial(t.Context(), url, s.options, rec.option())
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want a deadline", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `handshake @0s 10ms {status=error, error.type=deadline_exceeded} ...`, exactly...)

		s = setup{}
		url = dialable(t, &s, echo(t, lib))
		s.options.client.Timeout = 10 * ms
		c, _, err := lib.traced.dial(t.Context(), url, s.options, rec.option())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		wantEcho(t, c)
	})
}

// A server that hangs up, and a name that has to be looked up.
func TestDialHungUp(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		l, url := listen(t)
		serve(t, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		rec := newRecorder(t)
		if _, _, err := lib.traced.dial(t.Context(), strings.Replace(url, "127.0.0.1", "localhost", 1), options{}, rec.option()); err == nil {
			t.Fatal("got no error")
		}
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanHandshake).Str(semconv.ErrorTypeKey), semconv.ErrorUnexpectedEOF; got != want {
			t.Errorf("got error.type %q, want %q", got, want)
		}
		if got := len(rec.Chain().Named(semconv.StepDNS)); got != 1 {
			t.Errorf("got %d dns steps, want 1", got)
		}
		wantEnded(t, rec)
	})
}

// memory is a RoundTripper without a network, which calls no httptrace.
type memory struct{ conn io.ReadWriteCloser }

func (m memory) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(switching(r, ""))), r)
	resp.Body = m.conn
	return resp, err
}

func TestDialWithoutANetwork(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		a, b := net.Pipe()
		defer func() { _ = b.Close() }()
		p := &peer{b, bufio.NewReader(b), false}
		c, _, err := lib.traced.dial(t.Context(), "ws://memory", options{client: &http.Client{Transport: memory{a}}}, rec.option())
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*ms, func() { p.send(t, p.frame(opText, "hi")) })
		_, _, _ = c.Read(t.Context())
		_ = c.CloseNow()
		tracetest.AssertTree(t, rec.Chain(), `
			handshake @0s 0s {status_code=101}
				read @0s 10ms {message.type=text, message.size=2, message.index=1, frame.count=1, wire.size=4}
					block @0s 10ms {reason=net.read, source=timed}
					wake @10ms 0s {reason=readable}
				close @10ms 0s {status=error, error.type=close_now, close.completed=false}
		`, exactly...)
	})
}

// tripper is a RoundTripper that is not *http.Transport.
type tripper struct{ http.RoundTripper }

// Blocks are exact if the connection can be seen, and timed otherwise.
func TestDialSource(t *testing.T) {
	try := func(t *testing.T, lib library, url string, o options) string {
		t.Helper()
		rec := newRecorder(t)
		c, _, err := lib.traced.dial(t.Context(), url, o, rec.option())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := c.Write(t.Context(), messageText, []byte("thanks")); err != nil {
			t.Error(err)
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		if blocks := rec.Chain().Named(semconv.SpanBlock); len(blocks) > 0 {
			return blocks[0].Str(semconv.BlockSourceKey)
		}
		return ""
	}
	// On a busy machine the message may be there before the client reads.
	wait := func(t *testing.T, lib library, url string, o options) (source string) {
		t.Helper()
		for after := 20 * ms; source == "" && after < 10*time.Second; after *= 2 {
			source = try(t, lib, url+"?after="+after.String(), o)
		}
		return source
	}
	late := func(lib library) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := lib.bare.accept(w, r, options{})
			if err != nil {
				return
			}
			after, _ := time.ParseDuration(r.FormValue("after"))
			timer := time.NewTimer(after) // so that the client is parked
			<-timer.C
			_ = c.Write(context.Background(), messageText, []byte("late"))
			_, _, _ = c.Read(context.Background())
			_ = c.CloseNow()
		})
	}
	each(t, func(t *testing.T, lib library) {
		l, tcp := listen(t)
		serve(t, l, late(lib))
		socket := filepath.Join(t.TempDir(), "s")
		u, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		serve(t, u, late(lib))
		unix := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}
		dial := &http.Transport{Dial: net.Dial} //nolint:staticcheck // deprecated, and still honoured by http.Transport
		foreign := tripper{&http.Transport{}}
		proxied := &http.Transport{Proxy: http.ProxyURL(proxy(t))}
		for _, test := range []struct {
			name, url string
			rt        http.RoundTripper
			want      semconv.Source
		}{
			{"default", tcp, nil, semconv.SourcePoll},
			{"Dial", tcp, dial, semconv.SourcePoll},
			{"unix", "ws://socket", unix, semconv.SourcePoll},
			{"foreign", tcp, foreign, semconv.SourceTimed},
			{"foreign conn", tcp, upgraded{"tcp", l.Addr().String(), false}, semconv.SourcePoll},
			{"proxy", tcp, proxied, semconv.SourcePoll},
		} {
			t.Run(test.name, func(t *testing.T) {
				o := options{}
				if test.rt != nil {
					o.client = &http.Client{Transport: test.rt}
				}
				if got := wait(t, lib, test.url, o); got != string(test.want) {
					t.Errorf("got block.source %q, want %q", got, test.want)
				}
			})
		}
	})
}

// proxy serves an HTTP proxy that tunnels what CONNECT asks for, and forwards
// a plain request by tunneling it too.
func proxy(t *testing.T) *url.URL {
	t.Helper()
	l, base := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		in, brw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		if r.Method == http.MethodConnect {
			_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		} else {
			_ = r.Write(out)
		}
		var wg sync.WaitGroup
		pipe := func(dst net.Conn, src io.Reader) {
			_, _ = io.Copy(dst, src)
			_ = dst.Close()
		}
		wg.Go(func() {
			pipe(out, bufio.NewReader(io.MultiReader(io.LimitReader(brw, int64(brw.Reader.Buffered())), in)))
		})
		pipe(in, out)
		wg.Wait()
	}))
	u, err := url.Parse(strings.Replace(base, "ws:", "http:", 1))
	if err != nil {
		t.Fatal(err)
	}
	return u
}
