package wsjson_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	coder "github.com/coder/websocket"
	coderjson "github.com/coder/websocket/wsjson"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	nhooyr "nhooyr.io/websocket"
	nhooyrjson "nhooyr.io/websocket/wsjson"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/wsjson"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// functions are Read and Write of a package, on its connection to an echo.
type functions struct {
	read, write func(ctx context.Context, v any) error
	raw         func(ctx context.Context, p string) error
	closeNow    func() error
	status      func(error) int
}

// libraries dial the echo at url with a library, bare or traced.
var libraries = map[string]func(t *testing.T, url string, traced bool, opt wsconn.Option) functions{
	"nhooyr": func(t *testing.T, url string, traced bool, opt wsconn.Option) functions {
		t.Helper()
		status := func(err error) int { return int(nhooyr.CloseStatus(err)) }
		if traced {
			c, _, err := wsconn.Dial(t.Context(), url, nil, opt)
			fail(t, err)
			return functions{
				func(ctx context.Context, v any) error { return wsjson.Read(ctx, c, v) },
				func(ctx context.Context, v any) error { return wsjson.Write(ctx, c, v) },
				func(ctx context.Context, p string) error { return c.Write(ctx, wsconn.MessageText, []byte(p)) },
				c.CloseNow, status,
			}
		}
		c, _, err := nhooyr.Dial(t.Context(), url, nil)
		fail(t, err)
		return functions{
			func(ctx context.Context, v any) error { return nhooyrjson.Read(ctx, c, v) },
			func(ctx context.Context, v any) error { return nhooyrjson.Write(ctx, c, v) },
			func(ctx context.Context, p string) error { return c.Write(ctx, nhooyr.MessageText, []byte(p)) },
			c.CloseNow, status,
		}
	},
	"coder": func(t *testing.T, url string, traced bool, opt wsconn.Option) functions {
		t.Helper()
		status := func(err error) int { return int(coder.CloseStatus(err)) }
		if traced {
			c, _, err := coderws.Dial(t.Context(), url, nil, opt)
			fail(t, err)
			return functions{
				func(ctx context.Context, v any) error { return wsjson.Read(ctx, c, v) },
				func(ctx context.Context, v any) error { return wsjson.Write(ctx, c, v) },
				func(ctx context.Context, p string) error { return c.Write(ctx, coderws.MessageText, []byte(p)) },
				c.CloseNow, status,
			}
		}
		c, _, err := coder.Dial(t.Context(), url, nil)
		fail(t, err)
		return functions{
			func(ctx context.Context, v any) error { return coderjson.Read(ctx, c, v) },
			func(ctx context.Context, v any) error { return coderjson.Write(ctx, c, v) },
			func(ctx context.Context, p string) error { return c.Write(ctx, coder.MessageText, []byte(p)) },
			c.CloseNow, status,
		}
	},
}

func fail(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Values and errors are those of the libraries' own packages.
func TestSameAsTheLibraries(t *testing.T) {
	type message struct{ Value int }
	for _, test := range []struct {
		name string
		run  func(ctx context.Context, f functions) (message, error)
	}{
		{"echo", func(ctx context.Context, f functions) (v message, err error) {
			if err := f.write(ctx, message{1}); err != nil {
				return v, err
			}
			return v, f.read(ctx, &v)
		}},
		{"no JSON", func(ctx context.Context, f functions) (v message, err error) {
			_ = f.raw(ctx, "{")
			return v, f.read(ctx, &v)
		}},
		{"another type", func(ctx context.Context, f functions) (v message, err error) {
			_ = f.raw(ctx, `{"Value":"text"}`)
			return v, f.read(ctx, &v)
		}},
		{"too long", func(ctx context.Context, f functions) (v message, err error) {
			_ = f.raw(ctx, strings.Repeat("x", 40_000))
			return v, f.read(ctx, &v)
		}},
		{"not to be marshaled", func(ctx context.Context, f functions) (message, error) {
			return message{}, f.write(ctx, make(chan int))
		}},
		{"closed, read", func(ctx context.Context, f functions) (v message, err error) {
			_ = f.closeNow()
			return v, f.read(ctx, &v)
		}},
		{"closed, write", func(ctx context.Context, f functions) (message, error) {
			_ = f.closeNow()
			return message{}, f.write(ctx, 1)
		}},
	} {
		for name, library := range libraries {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				srv := httptest.NewServer(coderws.Handler("echo", func(ctx context.Context, c *coderws.Conn) error {
					c.SetReadLimit(-1)
					for {
						typ, msg, err := c.Read(ctx)
						if err != nil {
							return err
						}
						_ = c.Write(ctx, typ, msg)
					}
				}))
				defer srv.Close()
				run := func(traced bool) (message, error) {
					f := library(t, srv.URL, traced, wsconn.WithTracerProvider(sdktrace.NewTracerProvider()))
					defer func() { _ = f.closeNow() }()
					return test.run(t.Context(), f)
				}
				want, wantErr := run(false)
				got, gotErr := run(true)
				if got != want {
					t.Errorf("got %v, want %v", got, want)
				}
				if (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
					t.Errorf("got error %q, want %q", gotErr, wantErr)
				}
				var syntax *json.SyntaxError
				var typ *json.UnmarshalTypeError
				if errors.As(gotErr, &syntax) != errors.As(wantErr, &syntax) ||
					errors.As(gotErr, &typ) != errors.As(wantErr, &typ) ||
					errors.Is(gotErr, net.ErrClosed) != errors.Is(wantErr, net.ErrClosed) {
					t.Errorf("got an error of another kind: %v", gotErr)
				}
			})
		}
	}
}

// Reading and writing JSON is a read and a write. A message that is not JSON closes the
// connection with StatusInvalidFramePayloadData.
func TestSpans(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	opt := wsconn.WithTracerProvider(rec.TracerProvider())
	status := make(chan int, 1)
	srv := httptest.NewServer(wsconn.Handler("server", func(ctx context.Context, c *wsconn.Conn) error {
		if err := wsjson.Write(ctx, c, map[string]int{"value": 1}); err != nil {
			return err
		}
		if err := c.Write(ctx, wsconn.MessageText, []byte("{")); err != nil {
			return err
		}
		_, _, err := c.Read(ctx)
		status <- int(wsconn.CloseStatus(err))
		return nil
	}))
	defer srv.Close()
	c, _, err := wsconn.Dial(t.Context(), srv.URL, nil, opt)
	fail(t, err)
	defer func() { _ = c.CloseNow() }()
	var v struct{ Value int }
	if err := wsjson.Read(t.Context(), c, &v); err != nil || v.Value != 1 {
		t.Errorf("got %v, %v", v, err)
	}
	if err := wsjson.Read(t.Context(), c, &v); err == nil {
		t.Error("got no error")
	}
	if got := <-status; got != 1007 {
		t.Errorf("got status %d, want 1007", got)
	}
	fail(t, rec.WaitEnded(t.Context()))
	var got []string
	for _, s := range rec.Chain().Spans {
		if s.Name == semconv.SpanRead || s.Name == semconv.SpanClose {
			got = append(got, s.Name)
		}
	}
	if got, want := strings.Join(got, " "), "read read close"; got != want {
		t.Errorf("got spans %q, want %q", got, want)
	}
}

// memory is a connection of one message.
type memory struct{ buf bytes.Buffer }

func (m *memory) Reader(context.Context) (int, io.Reader, error) { return 1, &m.buf, nil }
func (m *memory) Close(int, string) error                        { return nil }
func (m *memory) Write(_ context.Context, _ int, p []byte) error { m.buf.Write(p); return nil }

// Buffers are shared by connections, but never used by two at a time.
func TestReadConcurrentSafe(t *testing.T) {
	done := make(chan error, 8)
	for i := range cap(done) {
		go func() {
			var m memory
			for range 100 {
				var got int
				if err := wsjson.Write(t.Context(), &m, i); err != nil {
					done <- err
					return
				}
				if err := wsjson.Read(t.Context(), &m, &got); err != nil || got != i {
					done <- errors.Join(err, errors.New("got another's value"))
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A message that is read as JSON links to its write as any other.
func TestReadLinks(t *testing.T) {
	for _, dial := range libraries {
		rec := tracetest.NewRecorder(t)
		tell := func(service string) wsconn.Option { return wsconn.WithTracerProvider(rec.Service(service)) }
		srv := httptest.NewServer(coderws.Handler("echo", func(ctx context.Context, c *coderws.Conn) error {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			return c.Write(ctx, typ, p)
		}, tell("server")))
		defer srv.Close()
		f := dial(t, srv.URL, true, tell("client"))
		var got map[string]int
		if err := errors.Join(f.write(t.Context(), map[string]int{"value": 1}), f.read(t.Context(), &got)); err != nil {
			t.Fatal(err)
		}
		_ = f.read(t.Context(), &got) // the server's close, and so the end of its write
		_ = f.closeNow()
		fail(t, rec.WaitEnded(t.Context()))
		tracetest.AssertLinked(t, rec.Chain(), "read [client] {websocket.message.size}", "write [server]")
		srv.Close()
	}
}
