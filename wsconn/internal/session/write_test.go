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

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
)

// Writes wait for one another, and the wake says for which.
func TestWriteTurns(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
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
			go first @0+0
			  first @0+50 state=finished
			  write @0+50 message.type=text message.size=5 message.index=1 frame.count=1 wire.size=11
			    block @0+50 reason=net.write source=timed
			    wake @50+0 reason=writable
			go second @10+0
			  second @10+40 state=finished
			  write @10+40 message.type=text message.size=6 message.index=2 frame.count=1 wire.size=12
			    block @10+40 reason=write.lock
			    wake @50+0 reason=unlocked -> write
			go impatient @20+0
			  impatient! @20+10 state=failed error.type=deadline_exceeded
			  write! @20+10 error.type=deadline_exceeded message.type=text message.size=9
			    block @20+10 reason=write.lock
			    wake @30+0 reason=deadline
			close! @60+0 error.type=close_now close.completed=false
		`)
	})
}

// A connection that closes ends the wait for a turn.
func TestWriteTurnClosed(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, _ := rawServer(t, lib, setup{})
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
			write! @10+20 error.type=closed message.type=text message.size=10
			  block @10+20 reason=net.write source=timed
			  wake @30+0 reason=closed -> close
			write! @20+10 error.type=closed message.type=text message.size=10
			  block @20+10 reason=write.lock
			  wake @30+0 reason=closed
			close! @30+0 error.type=close_now close.completed=false
		`)
	})
}

// A write whose context ends while it is parked closes the connection.
func TestWriteCanceled(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, _ := rawServer(t, lib, setup{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*ms)
		defer cancel()
		if err := c.Write(ctx, messageText, []byte("never read")); err == nil {
			t.Error("got no error")
		}
		_ = c.CloseNow()
		wantTree(t, rec, `
			write! @0+10 error.type=deadline_exceeded message.type=text message.size=10
			  block @0+10 reason=net.write source=timed
			  close! @10+0 error.type=deadline_exceeded close.completed=false
			  wake @10+0 reason=deadline
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
		time.Sleep(ms) // so that the order of the two is told by their times
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
			write @0+31 message.type=binary message.size=9000 message.index=1 frame.count=4 wire.size=9030
			write @1+30 message.type=text message.size=4 message.index=2 frame.count=1 wire.size=10
			  block @1+30 reason=write.lock
			  wake @31+0 reason=unlocked -> write
			close! @31+0 error.type=close_now close.completed=false
		`)
	})
}

// A writer that is closed writes no more, and its write is told once.
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
			close! @0+0 error.type=close_now close.completed=false
			write @0+0 message.type=text message.size=0 message.index=1 frame.count=1 wire.size=6
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
			write! @0+10 error.type=closed message.type=text message.size=4
			close! @10+0 error.type=close_now close.completed=false
		`)
	})
}

// A stream's frame that waits in the library's buffer goes out with another
// goroutine's control frame. Its bytes are the message's; the park is not.
func TestWriterFlushedByAnother(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
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
			read @0+30
			  pong @0+20
			    block @0+20 reason=net.write source=timed
			    wake @20+0 reason=writable
			  block @20+10 reason=net.read source=timed
			  close! @30+0 error.type=canceled close.completed=false
			  wake @30+0 reason=canceled
			write @0+30 message.type=text message.size=8 message.index=1 frame.count=2 wire.size=20
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
			for _, s := range []sdktrace.ReadOnlySpan{
				p.serverSpans.one(t, trace.SpanWrite), p.clientSpans.one(t, trace.SpanRead),
			} {
				got := text(s, trace.WebSocketFrameCountKey) + " frames, " + text(s, trace.WebSocketWireSizeKey) + " bytes"
				if got != want[lib.name] {
					t.Errorf("mode %d, %s: got %s, want %s", mode, s.Name(), got, want[lib.name])
				}
				if got := text(s, trace.WebSocketMessageSizeKey); got != "4000" {
					t.Errorf("mode %d, %s: got a message of %s bytes, want 4000", mode, s.Name(), got)
				}
			}
		})
	}
}

// A message type that does not exist ends the count of frames, said once; the
// rest goes on.
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
			close! @0+0 error.type=close_now close.completed=false
			write @0+0 message.type=text message.size=1 message.index=1 frame.count=1 wire.size=7
			write @0+0 message.type=opcode(0x3) message.size=1 frame.error=frame: reserved opcode
			write @0+0 message.type=text message.size=1
		`)
	})
}
