package session_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Each call on the net.Conn is a span, as long as the call.
func TestNetConn(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{})
		ctx, op := trace.Start(p.clientSpans.context(t.Context()), "tunnel")
		client := lib.traced.netConn(ctx, p.client, messageBinary)
		server := lib.traced.netConn(t.Context(), p.server, messageBinary)
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(10 * ms)
			if n, err := io.WriteString(server, "hello"); n != 5 || err != nil {
				t.Errorf("Write: got %d, %v", n, err)
			}
			time.Sleep(25 * ms)
			if err := server.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
		buf := make([]byte, 3)
		for _, want := range []string{"hel", "lo"} {
			if n, err := client.Read(buf); err != nil || string(buf[:n]) != want {
				t.Errorf("Read: got %q, %v, want %q", buf[:n], err, want)
			}
			time.Sleep(10 * ms)
		}
		if _, err := client.Read(buf); err != io.EOF {
			t.Errorf("Read: got %v, want EOF", err)
		}
		wg.Wait()
		op.End(nil)
		wantTree(t, p.clientSpans, `
			tunnel @0s 35ms
				read @0s 10ms {message.type=binary, message.size=3} -> ?
					block @0s 10ms {reason=net.read, source=timed}
					wake @10ms 0s {reason=readable} -> ?
				read @20ms 0s {message.type=binary, message.size=2} -> ?
				read @30ms 5ms
					block @30ms 5ms {reason=net.read, source=timed}
					wake @35ms 0s {reason=readable}
					close @35ms 0s {close.code=1000, close.initiator=remote, close.completed=true, close.wait=0}
		`)
		wantTree(t, p.serverSpans, `
			write @10ms 0s {message.type=binary, message.size=5, message.index=1, frame.count=1, wire.size=7}
			close @35ms 0s {close.code=1000, close.initiator=local, close.completed=true, close.wait=0}
		`)
	})
}

// A deadline that passes during a call closes the connection.
func TestNetConnDeadline(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(nc net.Conn, t time.Time) error
		call func(nc net.Conn) error
	}{
		{"read", net.Conn.SetReadDeadline, readByte},
		{"write", net.Conn.SetWriteDeadline, writeByte},
		{"both", net.Conn.SetDeadline, readByte},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				conn, rec, _ := rawServer(t, lib, setup{stalls: true})
				nc := lib.traced.netConn(t.Context(), conn, messageText)
				_ = test.set(nc, time.Now().Add(10*ms))
				if err := test.call(nc); err == nil {
					t.Error("got no error")
				}
				_ = nc.Close()
				wantEnded(t, rec)
				c := rec.Chain()
				tracetest.AssertTree(t, c, `
					close @10ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
				`, append(exactly, tracetest.Below(tracetest.One(t, c, semconv.SpanClose)))...)
			})
		})
	}
}

func readByte(nc net.Conn) error {
	_, err := nc.Read(make([]byte, 1))
	return err
}

func writeByte(nc net.Conn) error {
	_, err := nc.Write(make([]byte, 1))
	return err
}

// A message of another type closes the connection.
func TestNetConnWrongType(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{})
		nc := lib.traced.netConn(t.Context(), c, messageBinary)
		go func() {
			p.send(t, p.frame(opText, "text"))
			p.receive(t)
			p.send(t, p.closeFrame(1003, ""))
			p.drain()
		}()
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("got no error")
		}
		wantTree(t, rec, `
			read @0s 0s {status=error, error.type=1003}
				close @0s 0s {status=error, error.type=1003, close.code=1003, close.initiator=local, close.completed=true, close.wait=0}
		`)
	})
}

// If nothing is recorded, it is the library's own.
func TestNetConnOff(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		off := offs(t)["unsampled"]
		s := setup{}
		url := dialable(t, &s, echo(t, lib))
		traced, _, err := lib.traced.dial(t.Context(), url, s.options, off.option())
		if err != nil {
			t.Fatal(err)
		}
		bare, _, err := lib.bare.dial(t.Context(), url, s.options)
		if err != nil {
			t.Fatal(err)
		}
		defer closeBoth(traced, bare)
		got := lib.traced.netConn(t.Context(), traced, messageText)
		want := lib.bare.netConn(t.Context(), bare, messageText)
		if sprintType(got) != sprintType(want) {
			t.Errorf("got a %T, want a %T", got, want)
		}
	})
}

// A write that is canceled by its context.
func TestNetConnCanceled(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, _ := rawServer(t, lib, setup{stalls: true})
		ctx, cancel := context.WithCancel(t.Context())
		nc := lib.traced.netConn(ctx, c, messageText)
		time.AfterFunc(10*ms, cancel)
		_, err := io.WriteString(nc, "never read")
		if !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want canceled", err)
		}
		_ = nc.Close()
		wantTree(t, rec, `
			write @0s 10ms {message.type=text, message.size=10}
				block @0s 10ms {reason=net.write, source=timed}
				close @10ms 0s {status=error, error.type=canceled, close.completed=false}
				wake @10ms 0s {reason=canceled}
		`)
	})
}
