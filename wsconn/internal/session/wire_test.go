package session_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// hijacked returns a server's connection as the library gets it. nc is the other end.
func hijacked(t *testing.T, l net.Listener, dial func() (net.Conn, error), early []byte, opts ...session.Option) (wire net.Conn, s *session.Session, nc net.Conn) {
	t.Helper()
	return accepted(t, &session.Library{CloseStatus: func(error) int { return -1 }}, l, dial, early, opts...)
}

func accepted(t *testing.T, lib *session.Library, l net.Listener, dial func() (net.Conn, error), early []byte, opts ...session.Option) (wire net.Conn, s *session.Session, nc net.Conn) {
	t.Helper()
	done := make(chan struct{})
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(done)
		a := session.BeginAccept(lib, w, r, session.NewConfig(opts))
		rw := a.ResponseWriter()
		if !lib.HijacksFirst {
			rw.WriteHeader(http.StatusSwitchingProtocols)
		}
		var err error
		if wire, _, err = rw.(http.Hijacker).Hijack(); err != nil {
			t.Error(err)
		}
		if lib.HijacksFirst {
			var answer bytes.Buffer
			h := a.Header(http.Header{"Sec-Websocket-Protocol": {"chat"}})
			_ = (&http.Response{StatusCode: http.StatusSwitchingProtocols, ProtoMajor: 1, ProtoMinor: 1, Header: h}).Write(&answer)
			_, _ = wire.Write(answer.Bytes())
		}
		s = a.End(nil)
	}))
	nc, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	go func() {
		_, _ = nc.Write(append([]byte("GET / HTTP/1.1\r\nHost: pipe\r\n"+announcement+"\r\n"), early...))
	}()
	resp, err := http.ReadResponse(bufio.NewReaderSize(nc, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	<-done
	t.Cleanup(func() { _ = wire.Close() })
	return wire, s, nc
}

// Whatever the size of the reader's buffer, it gets all bytes except the trace pongs',
// and then the error.
func TestWireRead(t *testing.T) {
	p := &peer{client: true}
	second := p.tracePong(2)
	early := bytes.Join([][]byte{p.tracePong(1), p.frame(opText, "early"), second[:9]}, nil)
	late := bytes.Join([][]byte{
		second[9:], p.frame(opText, "late"), p.frame(opPong, "a pong"), p.tracePong(4), p.frame(opPong, "\xf5wk\x01")[:8],
	}, nil)
	want := bytes.Join([][]byte{p.frame(opText, "early"), p.frame(opText, "late"), p.frame(opPong, "a pong"), p.frame(opPong, "\xf5wk\x01")[:8]}, nil)
	for name, rec := range map[string]*recorder{"recorded": newRecorder(t), "not recorded": never(t)} {
		for _, room := range []int{1, 2, 3, 5, 17, 18, 4096} {
			for _, step := range []int{1, 9, 1000} {
				l := newNetwork()
				wire, _, nc := hijacked(t, l, func() (net.Conn, error) { return l.DialContext(t.Context(), "", "") }, early, rec.option())
				go func() {
					for b := range slices.Chunk(late, step) {
						_, _ = nc.Write(b)
					}
					_ = nc.Close()
				}()
				var got []byte
				var err error
				for buf := make([]byte, room); err == nil; {
					var n int
					n, err = wire.Read(buf)
					got = append(got, buf[:n]...)
				}
				if !bytes.Equal(got, want) || err != io.EOF {
					t.Errorf("%s, room for %d, steps of %d: got %q, %v, want %q, EOF", name, room, step, got, err, want)
				}
				if n, err := wire.Read(nil); n != 0 {
					t.Errorf("%s: Read(nil): got %d, %v", name, n, err)
				}
			}
		}
	}
}

// faulty is a conn that fails after so many bytes.
type faulty struct {
	net.Conn
	left *int
}

var errFault = errors.New("fault")

func (c faulty) Write(p []byte) (int, error) {
	if *c.left < 0 {
		return c.Conn.Write(p)
	}
	n := min(len(p), *c.left)
	*c.left -= n
	if n < len(p) {
		return n, errFault
	}
	return n, nil
}

type faultyListener struct {
	net.Listener
	left *int
}

func (l faultyListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return faulty{c, l.left}, err
}

// If a write fails, the library gets the number of its own bytes that were written.
func TestWireWriteFails(t *testing.T) {
	before, message := []byte("\x8a\x01?"), []byte("\x81\x02hi")
	pong := 2 + tracepong.PayloadSize
	for passed := range len(before) + pong + len(message) + 1 {
		rec := newRecorder(t)
		left := -1
		l := newNetwork()
		wire, s, nc := hijacked(t, faultyListener{l, &left}, func() (net.Conn, error) { return l.DialContext(t.Context(), "", "") }, nil, rec.option())
		go func() { _, _ = io.Copy(io.Discard, nc) }()
		left = passed
		w := s.BeginWrite(t.Context(), messageText)
		n, err := wire.Write(append(bytes.Clone(before), message...))
		w.End(2, err)

		want := min(passed, len(before)) + max(0, passed-len(before)-pong)
		if whole := want == len(before)+len(message); n != want || whole != (err == nil) || !whole && !errors.Is(err, errFault) {
			t.Errorf("after %d bytes: got %d, %v, want %d", passed, n, err, want)
		}
	}
}
