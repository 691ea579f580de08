package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
)

func TestEcho(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			typ, msg, err := p.server.Read(t.Context())
			if err != nil {
				t.Error(err)
			}
			time.Sleep(5 * ms)
			if err := p.server.Write(t.Context(), typ, msg); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(10 * ms)
		if err := p.client.Write(t.Context(), messageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, msg, err := p.client.Read(t.Context()); err != nil || string(msg) != "hello" {
			t.Errorf("Read: got %q, %v", msg, err)
		}
		<-done
		wantTree(t, p.clientSpans, `
			write @10ms 0s {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=11}
			read @10ms 5ms {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=7} -> ?
				block @10ms 5ms {reason=net.read, source=timed}
				wake @15ms 0s {reason=readable} -> ?
		`)
		wantTree(t, p.serverSpans, `
			read @0s 10ms {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=11} -> ?
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable} -> ?
			write @15ms 0s {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=7}
		`)
	})
}

// A read is a child of the span in its context; without one, of the handshake.
func TestReadParent(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		ctx, op := trace.Start(rec.context(t.Context()), "work")
		go p.send(t, p.frame(opText, "a"), p.frame(opText, "b"))
		_, _, _ = c.Read(ctx)
		op.End(nil)
		_, _, _ = c.Read(t.Context())
		handshake := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
		reads := rec.Chain().Named(semconv.SpanRead)
		if got, want := reads[0].ParentID, tracetest.One(t, rec.Chain(), "work").SpanID; got != want {
			t.Errorf("parent of the read in work: got %v, want %v", got, want)
		}
		if got := reads[1].ParentID; got != handshake.SpanID {
			t.Errorf("parent of the read without a span: got %v, want %v", got, handshake)
		}
	})
}

// Messages that arrive in one piece are distinguished.
func TestReadAhead(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		go p.send(t,
			p.frame(opText, "one"),
			p.frame(opMore, "tw"), p.frame(opPong, "unasked"), p.frame(opMiddle, ""), p.frame(opLast, "o"),
			p.frame(opText, strings.Repeat("3", 300)),
			p.frame(opText, ""))
		for _, want := range []string{"one", "two", strings.Repeat("3", 300), ""} {
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
				t.Fatalf("Read: got %q, %v, want %q", msg, err, want)
			}
		}
		wantTree(t, rec, `
			read @0s 0s {message.type=text, message.size=3, message.index=1, frame.count=1, wire.size=5}
			read @0s 0s {message.type=text, message.size=3, message.index=2, frame.count=3, wire.size=9}
			read @0s 0s {message.type=text, message.size=300, message.index=3, frame.count=1, wire.size=304}
			read @0s 0s {message.type=text, message.size=0, message.index=4, frame.count=1, wire.size=2}
		`)
	})
}

// The library reads what a client sent together with its request.
func TestReadEarly(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		early := (&peer{client: true}).frame(opText, "early")
		c, rec, p := rawClient(t, lib, setup{}, early)
		go p.send(t, p.frame(opText, "late"))
		for _, want := range []string{"early", "late"} {
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
				t.Fatalf("Read: got %q, %v, want %q", msg, err, want)
			}
		}
		wantTree(t, rec, `
			read @0s 0s {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=11}
			read @0s 0s {message.type=text, message.size=4, message.index=2, frame.count=1, wire.size=10}
		`)
	})
}

// A reader's read lasts as long as the message comes in, with every block.
func TestReaderStream(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		go func() {
			for _, f := range [][]byte{p.frame(opMore, "a"), p.frame(opMiddle, "b"), p.frame(opLast, "c")} {
				time.Sleep(10 * ms)
				p.send(t, f)
			}
		}()
		_, r, err := c.Reader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if msg, err := io.ReadAll(r); err != nil || string(msg) != "abc" {
			t.Fatalf("ReadAll: got %q, %v", msg, err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read after the end: got %d, %v, want 0, EOF", n, err)
		}
		wantTree(t, rec, `
			read @0s 30ms {message.type=text, message.size=3, message.index=1, frame.count=3, wire.size=9}
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable}
				block @10ms 10ms {reason=net.read, source=timed}
				wake @20ms 0s {reason=readable}
				block @20ms 10ms {reason=net.read, source=timed}
				wake @30ms 0s {reason=readable}
		`)
	})
}

// A reader that stops at the end of the message, such as a json.Decoder, need not see
// io.EOF. Only that shows the end of a compressed message.
func TestReaderWithoutEOF(t *testing.T) {
	for _, test := range []struct {
		name        string
		compression int
		want        map[string]string // by library
	}{
		{"plain", 0, map[string]string{"nhooyr": `
			read @0s 0s {message.type=text, message.size=11, message.index=1, frame.count=1, wire.size=13} -> ?
			read @10ms 0s {message.type=text, message.size=11, message.index=2, frame.count=1, wire.size=13} -> ?
			close @20ms 0s {status=error, error.type=close_now, close.completed=false}
		`, "coder": `
			read @0s 0s {message.type=text, message.size=11, message.index=1, frame.count=1, wire.size=13} -> ?
			read @10ms 0s {message.type=text, message.size=11, message.index=2, frame.count=1, wire.size=13} -> ?
			close @20ms 0s {status=error, error.type=close_now, close.completed=false}
		`}},
		{"compressed", 1, map[string]string{"nhooyr": `
			read @0s 10ms {message.type=text, message.taken=11, message.index=1, frame.count=6, wire.size=29} -> ?
			read @10ms 10ms {message.type=text, message.taken=11, message.index=2, frame.count=6, wire.size=29} -> ?
			close @20ms 0s {status=error, error.type=close_now, close.completed=false}
		`, "coder": `
			read @0s 10ms {message.type=text, message.taken=11, message.index=1, frame.count=1, wire.size=19} -> ?
			read @10ms 10ms {message.type=text, message.taken=11, message.index=2, frame.count=1, wire.size=19} -> ?
			close @20ms 0s {status=error, error.type=close_now, close.completed=false}
		`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				p := connect(t, lib, setup{options: options{compression: test.compression, threshold: 1}})
				go func() {
					for range 2 {
						_ = p.server.Write(t.Context(), messageText, []byte(`{"value":1}`))
					}
				}()
				for range 2 {
					_, r, err := p.client.Reader(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					var v struct{ Value int }
					if err := json.NewDecoder(r).Decode(&v); err != nil || v.Value != 1 {
						t.Fatalf("Decode: got %v, %v", v, err)
					}
					time.Sleep(10 * ms)
				}
				_ = p.client.CloseNow()
				wantTree(t, p.clientSpans, test.want[lib.name])
			})
		})
	}
}

// A reader that is left in the middle of its message reports what it took as that, and
// the size of the message as far as that is known.
func TestReaderAbandoned(t *testing.T) {
	for _, test := range []struct {
		compression int
		want        string
	}{
		{0, `
			read @0s 0s {message.type=text, message.size=100, message.taken=10, message.index=1, frame.count=1, wire.size=102} -> ?
			close @0s 0s {status=error, error.type=close_now, close.completed=false}
		`},
		{1, `
			read @0s 0s {message.type=text, message.taken=10, message.index=1, frame.count, wire.size} -> ?
			close @0s 0s {status=error, error.type=close_now, close.completed=false}
		`},
	} {
		bubble(t, func(t *testing.T, lib library) {
			p := connect(t, lib, setup{options: options{compression: test.compression, threshold: 1}})
			go func() { _ = p.server.Write(t.Context(), messageText, bytes.Repeat([]byte("a"), 100)) }()
			synctest.Wait()
			_, r, err := p.client.Reader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.ReadFull(r, make([]byte, 10))
			synctest.Wait()
			_ = p.client.CloseNow()
			wantTree(t, p.clientSpans, test.want)
		})
	}
}

// A read whose context ends while it is parked.
func TestReadCanceled(t *testing.T) {
	for _, test := range []struct {
		name string
		ctx  func(t *testing.T) (context.Context, context.CancelFunc)
		want string
	}{
		{"canceled", func(t *testing.T) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(10*ms, func() { cancel(errors.New("the user left")) })
			return ctx, func() {}
		}, `
			read @0s 10ms
				block @0s 10ms {reason=net.read, source=timed}
				close @10ms 0s {status=error, error.type=canceled, close.completed=false}
				wake @10ms 0s {reason=canceled, cause=the user left}
		`},
		{"deadline", func(t *testing.T) (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 10*ms)
		}, `
			read @0s 10ms {status=error, error.type=deadline_exceeded}
				block @0s 10ms {reason=net.read, source=timed}
				close @10ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
				wake @10ms 0s {reason=deadline}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, _ := rawServer(t, lib, setup{})
				ctx, cancel := test.ctx(t)
				defer cancel()
				// The library of nhooyr says either, by chance.
				if _, _, err := c.Read(ctx); !errors.Is(err, ctx.Err()) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("got %v, want %v", err, ctx.Err())
				}
				_ = c.CloseNow()
				wantTree(t, rec, test.want)
			})
		})
	}
}

// A peer that vanishes in the middle of a message.
func TestReadVanished(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		go func() {
			p.send(t, p.frame(opMore, "half"), p.frame(opLast, "the rest")[:4])
			time.Sleep(10 * ms)
			_ = p.Close()
		}()
		_, _, err := c.Read(t.Context())
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want unexpected EOF", err)
		}
		_ = c.CloseNow()
		wantTree(t, rec, `
			read @0s 10ms {status=error, error.type=unexpected_eof}
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=peer_closed}
			close @10ms 0s {status=error, error.type=unexpected_eof, close.completed=false}
		`)
	})
}

// Reads that bypass the wrapper neither change what a later read records nor
// accumulate.
func TestReadPastTheWrapper(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		past := func() error {
			var err error
			switch c := c.(type) {
			case nhooyrCommon:
				_, _, err = c.methods.(*wsconn.Conn).Unwrap().Read(t.Context())
			case coderCommon:
				_, _, err = c.methods.(*coderws.Conn).Unwrap().Read(t.Context())
			}
			return err
		}
		go func() {
			for _, f := range [][]byte{p.frame(opText, "a"), p.frame(opText, "bb"), p.frame(opText, "ccc")} {
				p.send(t, f)
			}
		}()
		for range 2 {
			if err := past(); err != nil {
				t.Fatal(err)
			}
		}
		if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "ccc" {
			t.Fatalf("got %q, %v", msg, err)
		}
		wantTree(t, rec, `
			read @0s 0s {message.type=text, message.size=3, message.index=3, frame.count=1, wire.size=5}
		`)
	})
}

// A context that is not sampled hides its own read, and shifts no other's.
func TestReadUnsampled(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		unsampled := oteltrace.ContextWithSpanContext(t.Context(), oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1},
		}))
		go p.send(t, p.frame(opText, "a"), p.frame(opPing, "?"), p.frame(opText, "bb"), p.frame(opText, "ccc"))
		go p.drain()
		for _, ctx := range []context.Context{unsampled, unsampled, t.Context()} {
			if _, _, err := c.Read(ctx); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.Write(unsampled, messageText, []byte("a"))
		_ = c.Write(t.Context(), messageText, []byte("bb"))
		ctx, cancel := context.WithCancel(unsampled)
		time.AfterFunc(10*ms, cancel)
		_, _, _ = c.Read(ctx)
		synctest.Wait()
		wantTree(t, rec, `
			read @0s 0s {message.type=text, message.size=3, message.index=3, frame.count=1, wire.size=5}
			write @0s 0s {message.type=text, message.size=2, message.index=2, frame.count=1, wire.size=8}
			close @10ms 0s {status=error, error.type=canceled, close.completed=false}
		`)
	})
}

// A reader that is left open ends with the connection.
func TestReaderLeftOpen(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		go p.send(t, p.frame(opMore, "half"))
		if _, _, err := c.Reader(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * ms)
		_ = c.CloseNow()
		wantTree(t, rec, `
			read @0s 10ms {status=error, error.type=closed}
			close @10ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// Reads after the peer's close frame has arrived.
func TestReadAfterClose(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		go func() {
			p.send(t, p.frame(opText, "last"), p.closeFrame(4000, ""), p.closeFrame(4001, ""))
			p.drain()
		}()
		for range 3 {
			_, _, _ = c.Read(t.Context())
		}
		wantEnded(t, rec)
		tracetest.One(t, rec.Chain(), "close {status=error, error.type=4000, websocket.close.code=4000, websocket.close.initiator=remote, "+
			"websocket.close.completed=true, websocket.close.wait=0}")
	})
}
