//go:build linux

package interop_test

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/wakechain/wakechain/examples/internal/browser"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

const (
	small = 11      // bytes, of the message in the story that this project began with
	large = 4 << 10 // so that a connection is full after a few
)

func closing(code int) func(*testing.T, *stage, peer) {
	return func(t *testing.T, st *stage, p peer) {
		p.do(t, "send 2 100")
		st.readN(t, 2)
		st.parkRead(t)
		p.do(t, fmt.Sprintf("close %d", code))
	}
}

// readN waits until the server has read n messages.
func (st *stage) readN(t *testing.T, n int64) {
	t.Helper()
	for ctx := soon(t); st.read.Load() < n; pause(ctx, time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the server did not read")
		}
	}
}

// parked makes a scenario of what ends the park of the server's write.
func parked(then func(t *testing.T, st *stage, p peer)) func(*testing.T, *stage, peer) {
	return func(t *testing.T, st *stage, p peer) {
		st.park(t)
		then(t, st, p)
	}
}

// do is one command.
func do(command string) func(*testing.T, *stage, peer) {
	return func(t *testing.T, _ *stage, p peer) { p.do(t, command) }
}

func resume(t *testing.T, st *stage, p peer) {
	for before := st.written.Load(); st.written.Load() < before+10; {
		p.do(t, "read 10")
	}
	p.kill()
}

// endsByItself lets socket_get.py go on to its break, and end.
func endsByItself(t *testing.T, _ *stage, p peer) {
	t.Helper()
	p.(*program).begin(t, "")
}

func socketGet(t *testing.T, url string) peer {
	p, _ := start(t, needPython(t, "websockets"), "socket_get.py", url, "1")
	return p
}

func kill(_ *testing.T, _ *stage, p peer) { p.kill() }

func weClose(_ *testing.T, st *stage, _ peer) { _ = st.server.CloseNow() }

// curl lets curl ask for the server's root.
func curl(t *testing.T, st *stage, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(soon(t), browser.Need(t, "curl"), append(args, "-s", "http://"+st.address)...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil { // it may say that it took too long
		t.Fatal(err)
	}
}

// failed picks the last one whose operation failed, or else the last.
func failed(all []park) park {
	if some := slices.DeleteFunc(slices.Clone(all), func(p park) bool { return !p.op.Failed() }); len(some) > 0 {
		all = some
	}
	return all[len(all)-1]
}

// of picks the longest of those that have a cause.
func of(cause semconv.Cause) func([]park) park {
	return func(all []park) park {
		if some := slices.DeleteFunc(slices.Clone(all), func(p park) bool { return p.block.Str(semconv.BlockCauseKey) != string(cause) }); len(some) > 0 {
			all = some
		}
		return longest(all)
	}
}

// readyToStop waits until the server has written for a while.
func (st *stage) readyToStop(t *testing.T) {
	t.Helper()
	for ctx := soon(t); st.written.Load() < 50; pause(ctx, time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the server does not write")
		}
	}
}

// goesOn waits until the server writes again.
func (st *stage) goesOn(t *testing.T) {
	t.Helper()
	ctx := soon(t)
	for before := st.written.Load(); st.written.Load() < before+10; pause(ctx, time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the server does not go on")
		}
	}
}

// client runs f as the client socket_get.
func (st *stage) client(t *testing.T, url string, f func(context.Context, *wsconn.Conn) error) {
	t.Helper()
	ctx := trace.New(trace.WithTracerProvider(st.rec.Service("socket_get"))).NewContext(t.Context())
	err := trace.Handle(ctx, "hello", func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, url, nil)
		if err != nil {
			return err
		}
		defer c.CloseNow()
		return f(ctx, c)
	})
	if err != nil {
		t.Fatal(err)
	}
}
