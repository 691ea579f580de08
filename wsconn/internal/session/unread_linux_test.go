package session_test

import (
	"net"
	"net/http"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// capturing is a listener that also gives its conns to a test.
type capturing struct {
	net.Listener
	conns chan<- net.Conn
}

func (l capturing) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.conns <- nc
	}
	return nc, err
}

// queued returns how many bytes wait in nc's receive buffer.
func queued(t *testing.T, nc net.Conn) (n int) {
	t.Helper()
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCINQ) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// The end of a connection shows how many received bytes were not read.
func TestCloseUnread(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		for _, sent := range []int{0, 1000} {
			rec := newRecorder(t)
			l, url := listen(t)
			sync, accepted, conns := make(chan struct{}), make(chan struct{}, 1), make(chan net.Conn, 1)
			serve(t, capturing{l, conns}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := lib.traced.accept(w, r, options{}, rec.option())
				if err != nil {
					t.Error(err)
					return
				}
				accepted <- struct{}{}
				<-sync
				_ = c.CloseNow()
			}))
			c, _, err := lib.bare.dial(t.Context(), url, options{})
			if err != nil {
				t.Fatal(err)
			}
			if sent > 0 {
				if err := c.Write(t.Context(), messageBinary, make([]byte, sent)); err != nil {
					t.Fatal(err)
				}
			}
			nc := <-conns
			<-accepted // so that net/http, which may read one byte before, has done so
			until(t, "the bytes are there", func() bool { return queued(t, nc) >= sent })
			want := queued(t, nc)
			close(sync)
			wantEnd(t, rec, semconv.SpanClose, 1)
			wantEnded(t, rec)
			_ = c.CloseNow()
			if got := tracetest.One(t, rec.Chain(), semconv.SpanClose).Int(semconv.WebSocketCloseUnreadKey); got != int64(want) {
				t.Errorf("sent %d: got %d bytes unread, want %d", sent, got, want)
			}
		}
	})
}
