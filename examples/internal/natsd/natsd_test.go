// Package natsd tests the answers of an execution trace on a server that was never
// written for it: nats-server, unmodified.
package natsd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/sched"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// client is a client of the server's, in its bare protocol.
type client struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.(*net.TCPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	cl := &client{c, bufio.NewReader(c)}
	cl.line(t) // INFO
	cl.say(t, "CONNECT {\"verbose\":false}\r\nPING\r\n")
	cl.line(t) // PONG
	return cl
}

func (c *client) say(t *testing.T, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (c *client) line(t *testing.T) string {
	t.Helper()
	s, err := c.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// parked reports whether a goroutine waits for the network in a function.
func parked(function string) bool {
	buf := make([]byte, 1<<20)
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(g, "[IO wait") && strings.Contains(g, function) {
			return true
		}
	}
	return false
}

// TestSlowSubscriber: a subscriber that stops reading is found as the write of the
// server to it, which is not over, with the server's own function and line.
func TestSlowSubscriber(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, WriteDeadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	rec := sched.NewRecorder(sched.WithWindow(10*time.Minute), sched.WithMaxBytes(64<<20))
	if err := rec.Start(); err != nil {
		t.Fatal(err)
	}
	defer rec.Stop()

	slow := dial(t, s.Addr().String())
	defer slow.Close() // or the server waits for it until its deadline
	slow.say(t, "SUB a 1\r\nPING\r\n")
	slow.line(t)
	publisher := dial(t, s.Addr().String())
	message := fmt.Sprintf("PUB a 32768\r\n%s\r\n", strings.Repeat("x", 32768))
	const stuck = "server.(*client).flushOutbound"
	// The write may be parked for a moment, too, before the kernel takes no more.
	for deadline := time.Now().Add(time.Minute); ; {
		for !parked(stuck) && t.Context().Err() == nil {
			publisher.say(t, message+"PING\r\n")
			publisher.line(t) // it has been taken
		}
		<-time.After(200 * time.Millisecond) // a block of less than a tenth of a second is not reported
		found := findings(t, rec)
		for _, f := range found {
			op := f.Spans[0]
			if f.Rule == explain.Stuck && op.Name == string(semconv.ReasonNetWrite) && strings.HasSuffix(op.Str(semconv.CodeFunctionNameKey), stuck) {
				t.Logf("\n%v", f)
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the write is not found in %v", found)
		}
	}
}

// findings are those of what was recorded by now.
func findings(t *testing.T, rec *sched.Recorder) []explain.Finding {
	t.Helper()
	var buf bytes.Buffer
	if _, err := rec.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	tr, err := schedread.Read(&buf, schedread.WithService("nats"))
	if err != nil {
		t.Fatal(err)
	}
	return explain.Explain(chain.New(tr.Spans()))
}
