package session_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// The close span, and the operations that it ended, show how a connection ended. Each
// connection is a client's, and its peer follows a script.
func TestCloseReported(t *testing.T) {
	read := func(t *testing.T, c conn) {
		t.Helper()
		if _, msg, err := c.Read(t.Context()); err == nil {
			t.Errorf("Read: got %q and no error", msg)
		}
	}
	for _, test := range []struct {
		name string
		opts []session.Option
		run  func(t *testing.T, c conn, p *peer)
		want string
	}{
		{"local", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				p.receive(t)
				time.Sleep(10 * ms)
				p.send(t, p.frame(opText, "discarded"), p.closeFrame(1000, "bye"))
				p.drain()
			}()
			_ = c.Close(1000, "")
		}, `
			close @0s 10ms {close.code=1000, close.initiator=local, close.completed=true, close.wait=0.01}
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable}
		`},
		{"local while reading", nil, func(t *testing.T, c conn, p *peer) {
			var wg sync.WaitGroup
			wg.Go(func() { read(t, c) })
			wg.Go(func() {
				p.receive(t)
				time.Sleep(10 * ms)
				p.send(t, p.closeFrame(4000, ""))
				p.drain()
			})
			time.Sleep(10 * ms)
			_ = c.Close(4000, "")
			wg.Wait()
		}, `
			read @0s 20ms {status=error, error.type=4000}
				block @0s 20ms {reason=net.read, source=timed}
				wake @20ms 0s {reason=readable}
			close @10ms 10ms {status=error, error.type=4000, close.code=4000, close.initiator=local, close.completed=true, close.wait=0.01}
		`},
		{"remote", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				time.Sleep(10 * ms)
				p.send(t, p.closeFrame(1001, "secret"))
				p.receive(t)
			}()
			read(t, c)
			_ = c.CloseNow()
		}, `
			read @0s 10ms
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable}
				close @10ms 0s {close.code=1001, close.initiator=remote, close.completed=true, close.wait=0}
		`},
		{"reason", []session.Option{wsconn.WithCloseReason()}, func(t *testing.T, c conn, p *peer) {
			go func() {
				p.send(t, p.closeFrame(4001, "why\xff"))
				p.receive(t)
			}()
			read(t, c)
		}, `
			read @0s 0s {status=error, error.type=4001}
				close @0s 0s {status=error, error.type=4001, close.code=4001, close.initiator=remote, close.completed=true, close.wait=0, close.reason=why�}
		`},
		{"remote without a code", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				p.send(t, p.frame(opClose, ""))
				p.receive(t)
			}()
			read(t, c)
		}, `
			read @0s 0s
				close @0s 0s {close.code=1005, close.initiator=remote, close.completed=true, close.wait=0}
		`},
		{"remote, then reset", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				p.send(t, p.closeFrame(1000, ""))
				_ = p.Conn.(timedConn).Reset()
			}()
			read(t, c)
		}, `
			read @0s 0s
				close @0s 0s {close.code=1000, close.initiator=remote, close.completed=false}
		`},
		{"both at once", nil, func(t *testing.T, c conn, p *peer) {
			var wg sync.WaitGroup
			wg.Go(func() { _ = c.Close(1000, "") })
			wg.Go(func() { p.send(t, p.closeFrame(1001, "")) })
			p.receive(t)
			p.drain()
			wg.Wait()
		}, `
			close @0s 0s {close.code=1000, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"never answered", nil, func(t *testing.T, c conn, p *peer) {
			done := p.drain()
			_ = c.Close(1000, "") // coder's returns an error, nhooyr's does not
			<-done
		}, `
			close @0s 5s {status=error, error.type=deadline_exceeded, close.code=1000, close.initiator=local, close.completed=false}
				block @0s 5s {reason=net.read, source=timed}
				wake @5s 0s {reason=closed} -> close
		`},
		{"gone instead of an answer", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				p.receive(t)
				_ = p.Close()
			}()
			_ = c.Close(1001, "")
		}, `
			close @0s 0s {status=error, error.type=unexpected_eof, close.code=1001, close.initiator=local, close.completed=false}
		`},
		{"invalid code", nil, func(t *testing.T, c conn, p *peer) {
			if err := c.Close(1006, ""); err == nil {
				t.Error("Close: got no error")
			}
		}, `
			close @0s 0s {status=error, error.type=_OTHER, close.completed=false}
		`},
		{"CloseNow", nil, func(_ *testing.T, c conn, _ *peer) {
			_ = c.CloseNow()
			_ = c.CloseNow()
			_ = c.Close(1000, "")
		}, `
			close @0s 0s {status=error, error.type=close_now, close.completed=false}
		`},
		{"EOF", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				time.Sleep(10 * ms)
				_ = p.Close()
			}()
			read(t, c)
			_ = c.Close(1000, "")
		}, `
			read @0s 10ms
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=peer_closed}
			close @10ms 0s {status=error, error.type=unexpected_eof, close.code=1000, close.initiator=local, close.completed=false}
		`},
		{"reset", nil, func(t *testing.T, c conn, p *peer) {
			go func() {
				time.Sleep(10 * ms)
				_ = p.Conn.(timedConn).Reset()
			}()
			read(t, c)
			_ = c.Close(1000, "")
		}, `
			read @0s 10ms {status=error, error.type=connection_reset}
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=peer_reset}
			close @10ms 0s {status=error, error.type=connection_reset, close.completed=false}
		`},
		{"read limit", nil, func(t *testing.T, c conn, p *peer) {
			c.SetReadLimit(10)
			go func() {
				p.send(t, p.frame(opText, strings.Repeat("x", 20)))
				p.receive(t)
			}()
			read(t, c)
			_ = c.CloseNow()
		}, `
			read @0s 0s {status=error, error.type=1009}
			close @0s 0s {status=error, error.type=1009, close.code=1009, close.initiator=local, close.completed=false}
		`},
		{"unwanted message", nil, func(t *testing.T, c conn, p *peer) {
			ctx := c.CloseRead(t.Context())
			p.send(t, p.frame(opText, "unwanted"))
			p.receive(t)
			p.send(t, p.closeFrame(1008, ""))
			p.drain()
			<-ctx.Done()
			synctest.Wait()
		}, `
			close @0s 0s {status=error, error.type=1008, close.code=1008, close.initiator=local, close.completed=true, close.wait=0}
		`},
		{"CloseRead canceled", nil, func(t *testing.T, c conn, p *peer) {
			ctx, cancel := context.WithCancel(t.Context())
			ctx = c.CloseRead(ctx)
			cancel()
			<-ctx.Done()
			synctest.Wait()
		}, `
			close @0s 0s {status=error, error.type=canceled, close.completed=false}
		`},
		{"Writer left open", nil, func(t *testing.T, c conn, p *peer) {
			done := p.drain()
			if _, err := c.Writer(t.Context(), messageText); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * ms)
			go p.send(t, p.closeFrame(1000, ""))
			_ = c.Close(1000, "")
			<-done
		}, `
			write @0s 10ms {status=error, error.type=closed, message.type=text, message.size=0}
			close @10ms 0s {close.code=1000, close.initiator=local, close.completed=true, close.wait=0}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{client: test.opts})
				test.run(t, c, p)
				wantTree(t, rec, test.want)
			})
		})
	}
}

// The answer to a close may have to wait for the peer.
func TestCloseOverAnAnswerThatStalls(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		go func() {
			time.Sleep(10 * ms)
			p.send(t, p.closeFrame(1001, ""))
			time.Sleep(10 * ms)
			p.receive(t)
		}()
		_, _, _ = c.Read(t.Context())
		_ = c.CloseNow()
		wantTree(t, rec, `
			read @0s 20ms
				block @0s 10ms {reason=net.read, source=timed}
				wake @10ms 0s {reason=readable}
				block @10ms 10ms {reason=net.write, source=timed}
				close @10ms 10ms {close.code=1001, close.initiator=remote, close.completed=true, close.wait=0}
				wake @20ms 0s {reason=writable}
		`)
	})
}

// The library gives its own frames five seconds, and then closes the connection.
func TestCloseOverAnAnswerThatNobodyTakes(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true})
		go p.send(t, p.frame(opPing, "?"))
		if _, _, err := c.Read(t.Context()); err == nil {
			t.Error("Read: got no error")
		}
		wantTree(t, rec, `
			read @0s 5s {status=error, error.type}
				pong @0s 5s {status=error, error.type=closed}
					block @0s 5s {reason=net.write, source=timed}
					wake @5s 0s {reason=closed} -> close
				close @5s 0s {status=error, error.type=deadline_exceeded, close.completed=false}
		`)
	})
}

// The peer has five seconds to answer a close frame, whichever side reads. That it did
// not is recorded.
func TestCloseReadOverNoAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		done := p.drain()
		ctx := c.CloseRead(t.Context())
		_ = c.Close(1000, "") // nhooyr's returns no error
		<-ctx.Done()
		<-done
		wantTree(t, rec, `
			close @0s 5s {status=error, error.type=deadline_exceeded, close.code=1000, close.initiator=local, close.completed=false}
		`)
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanClose).Status.Description, "no close frame from the peer within 5 s"; got != want {
			t.Errorf("got status %q, want %q", got, want)
		}
		found := explain.Explain(rec.Chain())
		if len(found) != 1 || found[0].Rule != explain.CloseUnanswered || found[0].Total != 5*time.Second ||
			!strings.Contains(found[0].Text, "It sent the code 1000, and gave up with deadline_exceeded.") {
			t.Errorf("got the findings %v, want the close frame that was not answered in 5 s", found)
		}
	})
}

// The library refuses frames that no endpoint may accept. The scanner stops, and reports
// that once.
func TestCloseProtocolError(t *testing.T) {
	for _, test := range []struct {
		name string
		sent func(p *peer) []byte
		want string
	}{
		{"reserved opcode", func(p *peer) []byte { return p.frame(0x83, "x") }, `
			read @0s 0s {status=error, error.type=1002, frame.error=frame: reserved opcode}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"fragmented ping", func(p *peer) []byte { return p.frame(0x09, "x") }, `
			read @0s 0s {status=error, error.type=1002, frame.error=frame: fragmented control frame}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"long pong", func(p *peer) []byte { return p.frame(opPong, strings.Repeat("x", 126)) }, `
			read @0s 0s {status=error, error.type=1002, frame.error=frame: control frame longer than 125 bytes}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"rsv bits", func(p *peer) []byte { return p.frame(0xF1, "x") }, `
			read @0s 0s {status=error, error.type=1002}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"a continuation of nothing", func(p *peer) []byte { return p.frame(opLast, "x") }, `
			read @0s 0s {status=error, error.type=1002}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"a message inside another", func(p *peer) []byte {
			return append(p.frame(opMore, "x"), p.frame(opText, "y")...)
		}, `
			read @0s 0s {status=error, error.type=1002}
			close @0s 0s {status=error, error.type=1002, close.code=1002, close.initiator=local, close.completed=false}
		`},
		{"invalid close code", func(p *peer) []byte { return p.closeFrame(999, "") }, `
			read @0s 0s {status=error, error.type=1002}
			close @0s 0s {status=error, error.type=1002, close.code=999, close.initiator=remote, close.completed=true, close.wait=0}
		`},
		{"half a close code", func(p *peer) []byte { return p.frame(opClose, "x") }, `
			read @0s 0s {status=error, error.type=1002}
			close @0s 0s {status=error, error.type=1002, close.code=1005, close.initiator=remote, close.completed=true, close.wait=0}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{})
				done := p.drain()
				go p.send(t, test.sent(p))
				if _, _, err := c.Read(t.Context()); err == nil {
					t.Error("got no error")
				}
				_ = c.CloseNow()
				<-done
				wantTree(t, rec, test.want)
			})
		})
	}
}

// A reset is recorded as one.
func TestCloseReset(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{tcp: true})
		done := make(chan struct{})
		go func() {
			defer close(done)
			if _, _, err := c.Read(t.Context()); err == nil {
				t.Error("got no error")
			}
		}()
		until(t, "the read begins", func() bool { return len(rec.Chain().Named(semconv.SpanRead)) == 1 })
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
		_ = p.Close()
		<-done
		_ = c.CloseNow()
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanRead).Str(semconv.ErrorTypeKey), semconv.ErrorConnectionReset; got != want {
			t.Errorf("read: got error.type %q, want %q", got, want)
		}
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanClose).Str(semconv.ErrorTypeKey), semconv.ErrorConnectionReset; got != want {
			t.Errorf("close: got error.type %q, want %q", got, want)
		}
		wantEnded(t, rec)
	})
}
