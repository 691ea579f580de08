package session_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// tap keeps what is written.
type tap struct {
	net.Conn
	mu     sync.Mutex
	writes [][]byte
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writes = append(c.writes, bytes.Clone(p))
	c.mu.Unlock()
	return c.Conn.Write(p)
}

// taps makes a tap of each conn that a listener accepts.
type taps struct {
	net.Listener
	tapped chan *tap
}

func (l taps) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tapped := &tap{Conn: c}
	l.tapped <- tapped
	return tapped, nil
}

// written returns what one side writes to a raw peer after the handshake, write by
// write.
func written(t *testing.T, end endpoint, client, announced bool, o options, opts []session.Option, script func(c conn, out *tap)) [][]byte {
	t.Helper()
	more := "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	if announced {
		more += announcement
	}
	l := newNetwork()
	tapped := make(chan *tap, 1)
	conns := make(chan conn, 1)
	drained := make(chan struct{})
	var out *tap
	if client {
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			nc, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			if o.compression == 0 {
				more = strings.TrimPrefix(more, "Sec-WebSocket-Extensions: permessage-deflate\r\n")
			}
			_, _ = io.WriteString(nc, switching(r, more))
			_, _ = io.Copy(io.Discard, nc)
			close(drained)
		}))
		o.client = &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := l.DialContext(ctx, network, addr)
				c := &tap{Conn: nc}
				tapped <- c
				return c, err
			},
		}}
		c, _, err := end.dial(t.Context(), "ws://server", o, opts...)
		if err != nil {
			t.Fatal(err)
		}
		conns <- c
	} else {
		serve(t, taps{l, tapped}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := end.accept(w, r, o, opts...)
			if err != nil {
				t.Error(err)
			}
			conns <- c
		}))
		nc, err := l.DialContext(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+more+"\r\n")
		r := bufio.NewReader(nc)
		if _, err := http.ReadResponse(r, nil); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(drained)
			_, _ = io.Copy(io.Discard, r)
		}()
	}
	c := <-conns
	out = <-tapped
	out.mu.Lock()
	out.writes = nil
	out.mu.Unlock()
	script(c, out)
	_ = c.CloseNow()
	<-drained
	return out.writes
}

// unmasked returns a stream of frames without masks, whose keys are random, and the trace
// pongs in it.
func unmasked(t *testing.T, stream []byte) (plain []byte, pongs []tracepong.Pong) {
	t.Helper()
	s := tracepong.Stream{On: true}
	var scan frame.Scanner
	for len(stream) > 0 {
		g, n := scan.Next(stream)
		if !g.End {
			t.Fatalf("half a frame: %x", stream)
		}
		f := bytes.Clone(stream[:g.Header.Size])
		if f[1] &^= 0x80; g.Header.Masked {
			f = f[:g.Header.Size-4]
		}
		f = g.AppendPayload(f)
		s.Begin(f)
		var e tracepong.Event
		for s.Next(&e) {
			if e.Kind == tracepong.Trace {
				pongs = append(pongs, e.Pong)
			}
		}
		plain = append(plain, f[:s.End()]...)
		stream = stream[n:]
	}
	return plain, pongs
}

// chatter returns a script that writes in every way.
func chatter(t *testing.T, ctx context.Context) func(c conn, out *tap) {
	return func(c conn, out *tap) {
		for _, size := range []int{0, 5, 126, 4085, 4096, 5000, 70_000} {
			if err := c.Write(ctx, messageText, bytes.Repeat([]byte("x"), size)); err != nil {
				t.Error(err)
			}
			w, err := c.Writer(ctx, messageBinary)
			if err != nil {
				t.Error(err)
				return
			}
			for range 3 {
				_, _ = w.Write(bytes.Repeat([]byte("y"), size))
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
		pingIn(ctx, c, out)()
	}
}

// pingIn pings until stop is called. When it returns, the frame has been sent. Nothing
// else writes meanwhile.
func pingIn(ctx context.Context, c conn, out *tap) (stop func()) {
	before := out.count()
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = c.Ping(ctx) })
	for out.count() == before {
		runtime.Gosched()
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

func (c *tap) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.writes)
}

// A peer that did not announce trace pongs gets the bytes of the bare library. One that
// did gets the same bytes, with a trace pong before each message, in as many writes.
func TestBytesOnTheWire(t *testing.T) {
	for _, role := range []string{"client", "server"} {
		for _, compression := range []int{0, 1} {
			name := role
			if compression > 0 {
				name += " compressed"
			}
			t.Run(name, func(t *testing.T) {
				each(t, func(t *testing.T, lib library) {
					o := options{compression: compression}
					client := role == "client"
					bare := written(t, lib.bare, client, false, o, nil, chatter(t, t.Context()))
					want, _ := unmasked(t, bytes.Join(bare, nil))

					for name, plain := range map[string]struct {
						announced bool
						opts      []session.Option
					}{
						"not announced": {false, nil},
						"switched off":  {true, []session.Option{session.WithoutPeerLinks()}},
						"not recorded":  {true, []session.Option{never(t).option()}},
					} {
						rec := newRecorder(t)
						got := bytes.Join(written(t, lib.traced, client, plain.announced, o,
							append([]session.Option{rec.option()}, plain.opts...), chatter(t, t.Context())), nil)
						if !client && !bytes.Equal(got, bytes.Join(bare, nil)) {
							t.Errorf("%s: the bytes are not the bare library's", name)
						}
						if got, pongs := unmasked(t, got); !bytes.Equal(got, want) || len(pongs) > 0 {
							t.Errorf("%s: got %d bytes and %d trace pongs, want the bare library's %d", name, len(got), len(pongs), len(want))
						}
					}

					rec := newRecorder(t)
					writes := written(t, lib.traced, client, true, o, []session.Option{rec.option()}, chatter(t, t.Context()))
					got, pongs := unmasked(t, bytes.Join(writes, nil))
					if !bytes.Equal(got, want) {
						t.Error("without the trace pongs the bytes are not the bare library's")
					}
					if len(writes) != len(bare) {
						t.Errorf("got %d writes, want %d", len(writes), len(bare))
					}
					spans := rec.Chain().Named(semconv.SpanWrite)
					if len(pongs) != len(spans) {
						t.Fatalf("got %d trace pongs of %d writes", len(pongs), len(spans))
					}
					for i, p := range pongs {
						if p.Number != uint32(i+1) || p.Write.SpanID() != spans[i].SpanContext().SpanID() {
							t.Errorf("trace pong %d: got %v of message %d", i+1, p.Write.SpanID(), p.Number)
						}
					}
					size := 2 + tracepong.PayloadSize
					if client {
						size += 4
					}
					if got, want := len(bytes.Join(writes, nil)), len(bytes.Join(bare, nil))+size*len(pongs); got != want {
						t.Errorf("got %d bytes, want %d", got, want)
					}
				})
			})
		}
	}
}

// A write that is not sampled, on a connection that is, has no trace pong.
func TestUnsampledWriteHasNoTracePong(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		unsampled := oteltrace.ContextWithSpanContext(t.Context(), oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1},
		}))
		writes := written(t, lib.traced, false, true, options{}, []session.Option{rec.option()}, func(c conn, _ *tap) {
			for _, ctx := range []context.Context{unsampled, t.Context(), unsampled} {
				_ = c.Write(ctx, messageText, []byte("a"))
			}
		})
		want := "\x81\x01a" + string(tracepong.Append(nil, tracepong.Pong{Number: 2, Write: tracetest.One(t, rec.Chain(), semconv.SpanWrite).SpanContext()}, false)) +
			"\x81\x01a" + "\x81\x01a"
		if got := string(bytes.Join(writes, nil)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// The buffered bytes of a stream may be sent with another goroutine's ping. They have
// their own trace pong.
func TestTracePongOfAStreamThatAPingFlushes(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		writes := written(t, lib.traced, false, true, options{}, []session.Option{rec.option()}, func(c conn, out *tap) {
			w, err := c.Writer(t.Context(), messageText)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(w, "a")
			stop := pingIn(t.Context(), c, out)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
			stop()
		})
		want := string(tracepong.Append(nil, tracepong.Pong{Number: 1, Write: tracetest.One(t, rec.Chain(), semconv.SpanWrite).SpanContext()}, false)) +
			"\x01\x01a" + "\x89\x011" + "\x80\x00"
		if got := string(bytes.Join(writes, nil)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
