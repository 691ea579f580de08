package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Writes wait for one another, and the wake links to the one before.
func TestWriteTurns(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		ctx := rec.context(t.Context())
		var wg sync.WaitGroup
		write := func(name string, at, timeout time.Duration) {
			wg.Go(func() {
				time.Sleep(at)
				_ = trace.Handle(ctx, name, func(ctx context.Context) error {
					if timeout > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, timeout)
						defer cancel()
					}
					return c.Write(ctx, messageText, []byte(name))
				})
			})
		}
		write("first", 0, 0)
		write("second", 10*ms, 0)
		write("impatient", 20*ms, 10*ms)
		time.Sleep(50 * ms)
		drained := p.drain()
		wg.Wait()
		time.Sleep(10 * ms)
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			first @0s 50ms {state=finished}
				write @0s 50ms {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=11}
					block @0s 50ms {reason=net.write, source=timed}
					wake @50ms 0s {reason=writable}
			second @10ms 40ms {state=finished}
				write @10ms 40ms {message.type=text, message.size=6, message.index=2, frame.count=1, wire.size=12}
					block @10ms 40ms {reason=write.lock}
					wake @50ms 0s {reason=unlocked} -> write
			impatient @20ms 10ms {status=error, state=failed, error.type=deadline_exceeded}
				write @20ms 10ms {status=error, error.type=deadline_exceeded, message.type=text, message.size=9}
					block @20ms 10ms {reason=write.lock}
					wake @30ms 0s {reason=deadline}
			close @60ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// A connection that closes ends the wait for a turn.
func TestWriteTurnClosed(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, _ := rawServer(t, lib, setup{stalls: true})
		var wg sync.WaitGroup
		for i := range 2 {
			time.Sleep(10 * ms)
			wg.Go(func() {
				err := c.Write(t.Context(), messageText, []byte("never read"))
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("write %d: got %v, want %v", i, err, net.ErrClosed)
				}
			})
		}
		time.Sleep(10 * ms)
		_ = c.CloseNow()
		wg.Wait()
		wantTree(t, rec, `
			write @10ms 20ms {status=error, error.type=closed, message.type=text, message.size=10}
				block @10ms 20ms {reason=net.write, source=timed}
				wake @30ms 0s {reason=closed} -> close
			write @20ms 10ms {status=error, error.type=closed, message.type=text, message.size=10}
				block @20ms 10ms {reason=write.lock}
				wake @30ms 0s {reason=closed}
			close @30ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// A write whose context ends while it is parked closes the connection.
func TestWriteCanceled(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, _ := rawServer(t, lib, setup{stalls: true})
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if err := c.Write(ctx, messageText, []byte("never read")); err == nil {
			t.Error("got no error")
		}
		_ = c.CloseNow()
		wantTree(t, rec, `
			write @0s 10ms {status=error, error.type=deadline_exceeded, message.type=text, message.size=10}
				block @0s 10ms {reason=net.write, source=timed}
				close @10ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
				wake @10ms 0s {reason=deadline}
		`)
	})
}

// A writer's write lasts until Close; other writes wait for it.
func TestWriterStream(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		drained := p.drain()
		w, err := c.Writer(t.Context(), messageBinary)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		time.Sleep(ms) // so that the times show the order
		wg.Go(func() { _ = c.Write(t.Context(), messageText, []byte("next")) })
		for range 3 {
			time.Sleep(10 * ms)
			if _, err := io.WriteString(w, strings.Repeat("x", 3000)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			write @0s 31ms {message.type=binary, message.size=9000, message.index=1, frame.count=4, wire.size=9030}
			write @1ms 30ms {message.type=text, message.size=4, message.index=2, frame.count=1, wire.size=10}
				block @1ms 30ms {reason=write.lock}
				wake @31ms 0s {reason=unlocked} -> write
			close @31ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// A closed writer writes nothing more, and its write is recorded once.
func TestWriterClosed(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		drained := p.drain()
		w, err := c.Writer(t.Context(), messageText)
		if err != nil {
			t.Fatal(err)
		}
		_ = w.Close()
		if _, err := io.WriteString(w, "too late"); err == nil {
			t.Error("Write after Close: got no error")
		}
		if err := w.Close(); err == nil {
			t.Error("second Close: got no error")
		}
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			write @0s 0s {message.type=text, message.size=0, message.index=1, frame.count=1, wire.size=6}
			close @0s 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// A message that the program left unfinished ends with the connection.
func TestWriterUnfinished(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		drained := p.drain()
		w, err := c.Writer(t.Context(), messageText)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "half")
		time.Sleep(10 * ms)
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			write @0s 10ms {status=error, error.type=closed, message.type=text, message.size=4}
			close @10ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// A stream's frame in the library's buffer may be sent with another goroutine's control
// frame. Its bytes count for the message; the park is the other goroutine's.
func TestWriterFlushedByAnother(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		w, err := c.Writer(t.Context(), messageText)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "buffered")
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _, _, _ = c.Read(ctx) })
		wg.Go(func() { p.send(t, p.frame(opPing, "?")) })
		time.Sleep(20 * ms)
		drained := p.drain()
		time.Sleep(10 * ms)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		cancel()
		wg.Wait()
		<-drained
		wantTree(t, rec, `
			read @0s 30ms
				pong @0s 20ms
					block @0s 20ms {reason=net.write, source=timed}
					wake @20ms 0s {reason=writable}
				block @20ms 10ms {reason=net.read, source=timed}
				close @30ms 0s {status=error, error.type=canceled, close.completed=false}
				wake @30ms 0s {reason=canceled}
			write @0s 30ms {message.type=text, message.size=8, message.index=1, frame.count=2, wire.size=20}
		`)
	})
}

// Compression shows in the bytes on the wire, equally on both sides.
func TestWriteCompressed(t *testing.T) {
	for mode, want := range []map[string]string{
		{"nhooyr": "1 frames, 4004 bytes", "coder": "1 frames, 4004 bytes"},
		{"nhooyr": "3 frames, 51 bytes", "coder": "1 frames, 47 bytes"},
		{"nhooyr": "3 frames, 51 bytes", "coder": "1 frames, 47 bytes"},
	} {
		bubble(t, func(t *testing.T, lib library) {
			p := connect(t, lib, setup{options: options{compression: mode}})
			done := make(chan error, 1)
			go func() { done <- p.server.Write(t.Context(), messageText, []byte(strings.Repeat("wake", 1000))) }()
			if _, msg, err := p.client.Read(t.Context()); err != nil || len(msg) != 4000 {
				t.Fatalf("got %d bytes, %v", len(msg), err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			for _, s := range []*chain.Span{
				tracetest.One(t, p.serverSpans.Chain(), semconv.SpanWrite), tracetest.One(t, p.clientSpans.Chain(), semconv.SpanRead),
			} {
				got := s.Str(semconv.WebSocketFrameCountKey) + " frames, " + s.Str(semconv.WebSocketWireSizeKey) + " bytes"
				if got != want[lib.name] {
					t.Errorf("mode %d, %s: got %s, want %s", mode, s.Name, got, want[lib.name])
				}
				if got := s.Str(semconv.WebSocketMessageSizeKey); got != "4000" {
					t.Errorf("mode %d, %s: got a message of %s bytes, want 4000", mode, s.Name, got)
				}
			}
		})
	}
}

// A message type that does not exist stops the counting of frames, which is reported
// once. Everything else continues.
func TestWriteUnscannable(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		drained := p.drain()
		for _, typ := range []int{messageText, 3, messageText} {
			if err := c.Write(t.Context(), typ, []byte("x")); err != nil {
				t.Error(err)
			}
		}
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			write @0s 0s {message.type=text, message.size=1, message.index=1, frame.count=1, wire.size=7}
			write @0s 0s {message.type=opcode(0x3), message.size=1, frame.error=frame: reserved opcode}
			write @0s 0s {message.type=text, message.size=1}
			close @0s 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}
