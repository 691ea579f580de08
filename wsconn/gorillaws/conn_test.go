package gorillaws_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// The whole life of a connection, as both sides record it.
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
	if err := c.WriteMessage(gorillaws.TextMessage, nil); err != nil { // the answer comes behind the pong
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
