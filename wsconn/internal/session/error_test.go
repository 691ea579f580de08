package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// sprintType names the type of v.
func sprintType(v any) string { return fmt.Sprintf("%T", v) }

// result is what a caller can observe of a method's results.
type result struct {
	value  string
	failed bool
	is     string // the sentinels that errors.Is finds
	as     string // the types that errors.As finds
	status int
}

func resultOf(lib library, value string, err error) result {
	r := result{value: value, failed: err != nil, status: lib.closeStatus(err)}
	for _, target := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.Canceled,
		context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.EPIPE, syscall.ECONNRESET,
	} {
		if errors.Is(err, target) {
			r.is += target.Error() + "; "
		}
	}
	var (
		opErr   *net.OpError
		sysErr  *os.SyscallError
		timeout interface{ Timeout() bool }
	)
	if errors.As(err, &opErr) {
		r.as += "OpError; "
	}
	if errors.As(err, &sysErr) {
		r.as += "SyscallError; "
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.as += "timeout; "
	}
	return r
}

// Every method, in various situations, returns the bare library's results with tracing
// on, off and unsampled.
func TestErrors(t *testing.T) {
	soon := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		t.Cleanup(cancel)
		return ctx
	}
	canceled := func(t *testing.T) context.Context {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	hold := func(t *testing.T, c conn) { // keeps the turn to write
		t.Helper()
		if _, err := c.Writer(t.Context(), messageText); err != nil {
			t.Error(err)
		}
	}
	methods := map[string]func(ctx context.Context, c conn) (string, error){
		"Read": func(ctx context.Context, c conn) (string, error) {
			typ, msg, err := c.Read(ctx)
			return fmt.Sprint(typ, string(msg), msg == nil), err
		},
		"Reader": func(ctx context.Context, c conn) (string, error) {
			typ, r, err := c.Reader(ctx)
			if err != nil {
				return fmt.Sprint(typ, r), err
			}
			msg, err := io.ReadAll(r)
			return fmt.Sprint(typ, string(msg)), err
		},
		"Write": func(ctx context.Context, c conn) (string, error) {
			return "", c.Write(ctx, messageText, []byte("hello"))
		},
		"Writer": func(ctx context.Context, c conn) (string, error) {
			w, err := c.Writer(ctx, messageText)
			if err != nil {
				return fmt.Sprint(w), err
			}
			n, err := io.WriteString(w, strings.Repeat("x", 10_000))
			if err != nil {
				return "", err // how much went out before is chance
			}
			return fmt.Sprint(n), w.Close()
		},
		"Ping":  func(ctx context.Context, c conn) (string, error) { return "", c.Ping(ctx) },
		"Close": func(_ context.Context, c conn) (string, error) { return "", c.Close(1000, "bye") },
		"invalid Close": func(_ context.Context, c conn) (string, error) {
			return "", c.Close(1005, strings.Repeat("x", 200))
		},
		"CloseNow": func(_ context.Context, c conn) (string, error) { return "", c.CloseNow() },
		"CloseRead": func(ctx context.Context, c conn) (string, error) {
			ctx = c.CloseRead(ctx)
			<-ctx.Done()
			return "", ctx.Err()
		},
		"NetConn.Read":  nil, // called further below, through the library's own function
		"NetConn.Write": nil,
	}
	const noReader = "waits for ever, since nobody reads the pong"
	// A free lock of the library and a context that has ended are both ready in its
	// select, which takes one by chance; and the frame may be out before it looks at
	// the context again. That can be too rare for the bare one to show.
	canceledOrDone := func(done ...string) []result {
		any := []result{{failed: true, is: "context canceled; ", status: -1}, {failed: true, is: "use of closed network connection; ", status: -1}}
		for _, value := range done {
			any = append(any, result{value: value, status: -1})
		}
		return any
	}
	background := func(t *testing.T) context.Context { t.Helper(); return t.Context() }
	for _, situation := range []struct {
		name    string
		ctx     func(t *testing.T) context.Context
		prepare func(t *testing.T, c conn, p *peer)
		drain   bool                // the peer reads everything
		skip    map[string]string   // methods that are not called, and why
		chance  map[string][]result // by method: all results that the library may return. Of an error, no value
	}{
		{"message", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			go p.try(p.frame(opText, "hello"))
		}, true, map[string]string{"Ping": noReader}, nil},
		{"remote close", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			go p.try(p.closeFrame(4321, "bye"))
		}, true, map[string]string{"Ping": noReader}, nil},
		{"closed already", background, func(t *testing.T, c conn, _ *peer) {
			t.Helper()
			_ = c.CloseNow()
		}, true, nil, nil},
		{"peer gone", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			_ = p.Close()
		}, false, map[string]string{"Ping": noReader}, nil},
		{"reset", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			_ = p.Conn.(timedConn).Reset()
		}, false, nil, nil},
		{"gone in a message", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			p.try(p.frame(opText, "hello")[:4])
			_ = p.Close()
		}, false, map[string]string{"Ping": noReader}, nil},
		{"too long", background, func(t *testing.T, c conn, p *peer) {
			t.Helper()
			c.SetReadLimit(3)
			go p.try(p.frame(opText, "hello"))
		}, true, map[string]string{"Ping": noReader}, nil},
		{"protocol error", background, func(t *testing.T, _ conn, p *peer) {
			t.Helper()
			go p.try(p.frame(0x83, "hello"))
		}, true, map[string]string{"Ping": noReader}, nil},
		{"canceled already", canceled, func(*testing.T, conn, *peer) {}, true, nil, map[string][]result{
			"Write": canceledOrDone(""), "Writer": canceledOrDone("10000"), "NetConn.Write": canceledOrDone("5"), "Ping": canceledOrDone(),
		}},
		{"parked until the context ends", soon, func(*testing.T, conn, *peer) {}, false, nil, nil},
		{"waiting for another write until the context ends", soon, func(t *testing.T, c conn, _ *peer) {
			t.Helper()
			hold(t, c)
		}, true, nil, nil},
		{"waiting for another write until the connection closes", background, func(t *testing.T, c conn, _ *peer) {
			t.Helper()
			hold(t, c)
			time.AfterFunc(10*ms, func() { _ = c.CloseNow() })
		}, true, nil, nil},
		{"parked until the connection closes", background, func(_ *testing.T, c conn, _ *peer) {
			time.AfterFunc(10*ms, func() { _ = c.CloseNow() })
		}, false, nil, nil},
	} {
		for method, call := range methods {
			t.Run(situation.name+"/"+method, func(t *testing.T) {
				if why := situation.skip[method]; why != "" {
					t.Skip(why)
				}
				bubble(t, func(t *testing.T, lib library) {
					run := func(s setup) result {
						c, _, p := rawServer(t, lib, s)
						if situation.drain {
							p.drain()
						}
						end := lib.traced
						if s.bare {
							end = lib.bare
						}
						situation.prepare(t, c, p)
						call := call
						ctx := situation.ctx(t)
						switch method {
						case "NetConn.Read":
							call = func(ctx context.Context, c conn) (string, error) {
								b := make([]byte, 10)
								n, err := end.netConn(ctx, c, messageText).Read(b)
								return string(b[:n]), err
							}
						case "NetConn.Write":
							call = func(ctx context.Context, c conn) (string, error) {
								n, err := end.netConn(ctx, c, messageText).Write([]byte("hello"))
								return fmt.Sprint(n), err
							}
						}
						value, err := call(ctx, c)
						closeBoth(c)
						_ = p.Close()
						return resultOf(lib, value, err)
					}
					// Where two reasons hold at once a library picks one by
					// chance: what the bare one may return, the others may.
					want := map[result]bool{}
					if chance := situation.chance[method]; chance != nil {
						for _, r := range chance {
							want[r] = true
						}
						call := run
						run = func(s setup) result {
							r := call(s)
							if r.failed {
								r.value = ""
							}
							return r
						}
						if bare := run(setup{bare: true}); !want[bare] {
							t.Errorf("the bare library returned %+v, want one of %+v", bare, want)
						}
					}
					may := func(got result) bool {
						for i := 0; i < 1000 && !want[got]; i++ {
							want[run(setup{bare: true})] = true
						}
						return want[got]
					}
					for name, opts := range map[string][]session.Option{
						"on":        {newRecorder(t).option()},
						"unsampled": {newRecorder(t, sdktrace.WithSampler(sdktrace.NeverSample())).option()},
						"off":       {session.WithTracerProvider(noopProvider)},
					} {
						if got := run(setup{client: opts}); !may(got) {
							t.Errorf("%s: got %+v, want one of %+v", name, got, want)
						}
					}
				})
			})
		}
	}
}
