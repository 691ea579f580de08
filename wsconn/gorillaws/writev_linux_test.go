package gorillaws_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"

	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// packets returns how many packets with data a connection has sent.
func packets(t *testing.T, nc net.Conn) (n uint32) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Error(err)
			return
		}
		n = info.Data_segs_out
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// writes returns how many system calls that write this thread has made. ok is false if the
// kernel does not count them.
func writes(t *testing.T) (n uint32, ok bool) {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/io")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(b), "syscw: ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		t.Fatal(err)
	}
	return n, true
}

// about reports whether n is want or slightly more. The kernel may send a packet twice,
// and the runtime wakes its poller with a write.
func about(n, want uint32) bool { return n >= want && n <= want+want/4 }

// wrapped is a listener whose connections are wrapped, as many programs have.
type wrapped struct{ net.Listener }

func (l wrapped) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return struct{ net.Conn }{nc}, err
}

type server interface {
	WriteMessage(messageType int, data []byte) error
	NetConn() net.Conn
	Close() error
}

// A server's message that does not fit into the write buffer is sent by one system call in
// one packet, as with the bare library, with and without spans, stalls, trace pongs and a
// listener. Below any other wrapper it takes two of each.
func TestOnePacket(t *testing.T) {
	const messages = 50
	data := bytes.Repeat([]byte("0123456789"), 1000)
	traced := func(opts ...gorillaws.Option) func(http.ResponseWriter, *http.Request) (server, error) {
		return func(w http.ResponseWriter, r *http.Request) (server, error) {
			u := gorillaws.Upgrader{Options: opts}
			return u.Upgrade(w, r, nil)
		}
	}
	bare := func(w http.ResponseWriter, r *http.Request) (server, error) {
		return new(websocket.Upgrader).Upgrade(w, r, nil)
	}
	rec := newRecorder(t)
	spans, none := rec.option("server"), gorillaws.WithTracerProvider(noop.NewTracerProvider())
	stalls := unsampled(rec, time.Minute)
	for _, tt := range []struct {
		name    string
		upgrade func(http.ResponseWriter, *http.Request) (server, error)
		listen  func(net.Listener) net.Listener
		client  gorillaws.Option
		want    uint32
	}{
		{"bare", bare, nil, none, 1},
		{"bare, wrapped", bare, func(l net.Listener) net.Listener { return wrapped{l} }, none, 2},
		{"off", traced(none), nil, none, 1},
		{"off, listener", traced(none), gorillaws.NewListener, none, 1},
		{"spans", traced(spans), nil, none, 1},
		{"spans, listener", traced(spans), gorillaws.NewListener, none, 1},
		{"stalls", traced(stalls...), nil, none, 1},
		{"stalls, listener", traced(stalls...), gorillaws.NewListener, none, 1},
		{"spans, trace pongs", traced(spans), gorillaws.NewListener, rec.option("client"), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, came := make(chan uint32, 1), make(chan struct{}) // what is on its way may be joined
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := tt.upgrade(w, r)
				if err != nil {
					t.Error(err)
					return
				}
				nc := c.NetConn()
				if n, ok := nc.(struct{ net.Conn }); ok {
					nc = n.Conn
				}
				defer c.Close()
				runtime.LockOSThread() // whose system calls are counted
				defer runtime.UnlockOSThread()
				before := packets(t, nc)
				called, counted := writes(t)
				for range messages {
					if err := c.WriteMessage(websocket.BinaryMessage, data); err != nil {
						t.Error(err)
					}
					<-came
				}
				if n, _ := writes(t); counted && !about(n-called, tt.want*messages) {
					t.Errorf("got %d system calls for %d messages, want %d a message", n-called, messages, tt.want)
				}
				got <- packets(t, nc) - before
			}))
			if tt.listen != nil {
				srv.Listener = tt.listen(srv.Listener)
			}
			srv.Start()
			defer srv.Close()
			d := gorillaws.Dialer{Options: []gorillaws.Option{tt.client}}
			c, _, err := d.Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for range messages {
				if _, p, err := c.ReadMessage(); err != nil || !bytes.Equal(p, data) {
					t.Fatalf("got %d bytes, %v", len(p), err)
				}
				came <- struct{}{}
			}
			if n := <-got; !about(n, tt.want*messages) {
				t.Errorf("got %d packets for %d messages, want %d a message", n, messages, tt.want)
			}
		})
	}
}
