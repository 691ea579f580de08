package gorillaws_test

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// A connection's whole life, as both sides record it.
func TestSpans(t *testing.T) {
	rec := newRecorder(t)
	c := rec.dial(rec.serve(gorillaws.Upgrader{EnableCompression: true}, echo), gorillaws.Dialer{EnableCompression: true})
	c.EnableWriteCompression(false)
	serverReads(t)
	if err := c.WriteMessage(gorillaws.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.ReadMessage(); string(p) != "hello" || err != nil {
		t.Fatalf("got %q, %v", p, err)
	}
	w, err := c.NextWriter(gorillaws.BinaryMessage)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = w.Write(make([]byte, 3000))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, r, err := c.NextReader()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, r); n != 9000 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	if err := c.WriteControl(gorillaws.PingMessage, []byte("p"), time.Now().Add(time.Second)); err != nil {
		t.Error(err)
	}
	if err := c.WriteMessage(gorillaws.TextMessage, nil); err != nil { // its answer follows the pong
		t.Error(err)
	}
	if _, _, err := c.ReadMessage(); err != nil {
		t.Error(err)
	}
	if err := c.WriteControl(gorillaws.CloseMessage, gorillaws.FormatCloseMessage(gorillaws.CloseNormalClosure, "bye"), time.Time{}); err != nil {
		t.Error(err)
	}
	if _, _, err := c.ReadMessage(); !gorillaws.IsCloseError(err, gorillaws.CloseNormalClosure) {
		t.Errorf("got %v, want a close error 1000", err)
	}
	_ = c.Close()
	rec.wantTree(`
		handshake [client]
			handshake [server]
				serve -> read
					read {message.type=text, message.size=5, frame.count=1, wire.size=11} -> write
					write {message.type=text, message.size=5, frame.count=1, wire.size=13}
					read {message.type=binary, message.size=9000, frame.count=3, wire.size=9024} -> write
					write {message.type=binary, message.size=9000, frame.count=1, wire.size=27}
					read {message.type=text, message.size=0, frame.count=1, wire.size=6} -> write
						pong
					write {message.type=text, message.size=0, frame.count=1, wire.size=3}
					read
					close {close.code=1000, close.initiator=remote}
			write {message.type=text, message.size=5, frame.count=1, wire.size=11}
			read {message.type=text, message.size=5, frame.count=1, wire.size=13} -> write
			write {message.type=binary, message.size=9000, frame.count=3, wire.size=9024}
			read {message.type=binary, message.size=9000, frame.count=1, wire.size=27} -> write
			ping
			write {message.type=text, message.size=0, frame.count=1, wire.size=6}
			read {message.type=text, message.size=0, frame.count=1, wire.size=3} -> write
			write {message.type=close, message.size=5}
			read
			close {close.code=1000, close.initiator=local}
	`, tracetest.Without("block", "wake"))
}

// serverReads waits until the server is parked in a read, which then has a block.
func serverReads(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		for _, g := range live.Snapshot().Goroutines {
			for _, w := range g.Waits {
				if g.Name == "serve" && w.Reason == string(semconv.ReasonNetRead) {
					return
				}
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("timeout: the server does not read")
		}
	}
}

// If the program reads only a part of a message, the library discards the rest, most of it
// when the next message is read. The next one has its own number, size and link.
func TestReaderLeft(t *testing.T) {
	for _, buffered := range []int{0, 20_000} { // bytes of the library's buffer; 0: its default, 4,096
		rec := newRecorder(t)
		c := rec.dial(rec.serve(gorillaws.Upgrader{ReadBufferSize: buffered}, func(c *gorillaws.Conn) error {
			_, r, err := c.NextReader()
			if err != nil {
				return err
			}
			if _, err := io.CopyN(io.Discard, r, 10); err != nil {
				return err
			}
			for range 2 {
				if _, _, err := c.ReadMessage(); err != nil {
					return err
				}
			}
			return nil
		}), gorillaws.Dialer{})
		for _, size := range []int{10_000, 3, 5} {
			if err := c.WriteMessage(gorillaws.BinaryMessage, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
		}
		_, _, _ = c.ReadMessage()
		_ = c.Close()
		rec.ended()
		for _, want := range []struct{ index, size int64 }{{2, 3}, {3, 5}} {
			found := rec.all(fmt.Sprintf("read [server] {websocket.message.index=%d}", want.index))
			if len(found) != 1 || found[0].Int(semconv.WebSocketMessageSizeKey) != want.size || len(found[0].Links) != 1 ||
				found[0].Links[0].Span.Int(semconv.WebSocketMessageIndexKey) != want.index {
				t.Errorf("message %d: got %v, want one read of %d bytes, with a link to its write:\n%v", want.index, found, want.size, rec.Chain())
			}
		}
	}
}
