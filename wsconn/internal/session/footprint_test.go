package session_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools keep their items for one collection
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A session that records nothing takes at most 300 bytes, including its tracer.
func TestFootprint(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	lib := &session.Library{CloseStatus: func(error) int { return -1 }}
	unsampled := []session.Option{offs(t)["unsampled"].option()}
	for _, test := range []struct {
		name string
		make func(opts []session.Option) *session.Session
	}{
		{"client", func(opts []session.Option) *session.Session {
			_, d := session.BeginDial(t.Context(), lib, "ws://example.com/", nil, session.NewConfig(opts))
			return d.End(nil, nil)
		}},
		{"server", func(opts []session.Option) *session.Session {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			a := session.BeginAccept(lib, hijackable{httptest.NewRecorder()}, r, session.NewConfig(opts))
			_, _, _ = a.ResponseWriter().(http.Hijacker).Hijack()
			return a.End(nil)
		}},
	} {
		const n = 5000
		kept := make([]*session.Session, n)
		kept[0] = test.make(unsampled) // allocates what is made once
		before := heap()
		for i := range kept {
			kept[i] = test.make(unsampled)
		}
		if each := (heap() - before) / n; each < 32 || each > 300 {
			t.Errorf("%s: got %d bytes, want at most 300", test.name, each)
		}
		runtime.KeepAlive(kept)
	}
}

type hijackable struct{ *httptest.ResponseRecorder }

func (hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }

// A read of a session that records nothing takes hardly more stack than a bare one.
// Otherwise the stack of each goroutine that waits in a read would double.
func TestFootprintOfStack(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		bare := depthOfRead(t, lib, true)
		if got := depthOfRead(t, lib, false); got > bare+200 {
			t.Errorf("got %d bytes of stack in a read, bare %d", got, bare)
		} else if bare < 500 || got <= bare {
			t.Errorf("got %d bytes of stack in a read, bare %d, which is no measurement", got, bare)
		}
	})
}

// depthOfRead returns how many bytes of stack are between a read of the program and the
// read of the connection below.
func depthOfRead(t *testing.T, lib library, bare bool) uintptr {
	t.Helper()
	end := lib.traced
	if bare {
		end = lib.bare
	}
	l, url := listen(t)
	deep := deepListener{l, new(atomic.Uintptr)}
	depth := make(chan uintptr)
	serve(t, deep, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := end.accept(w, r, options{}, offs(t)["unsampled"].option())
		if err != nil {
			t.Error(err)
			return
		}
		var here byte
		for range 2 { // the first may have moved the stack
			_, _, _ = c.Read(r.Context())
		}
		depth <- uintptr(unsafe.Pointer(&here)) - deep.at.Load()
		_ = c.CloseNow()
	}))
	c, _, err := end.dial(t.Context(), url, options{}, offs(t)["unsampled"].option())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_ = c.Write(t.Context(), messageText, []byte("x"))
	}
	defer func() { _ = c.CloseNow() }()
	return <-depth
}

// deepListener accepts conns that note where on the stack they were read last.
type deepListener struct {
	net.Listener
	at *atomic.Uintptr
}

func (l deepListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return deepConn{nc, l.at}, err
}

type deepConn struct {
	net.Conn
	at *atomic.Uintptr
}

func (c deepConn) Read(p []byte) (int, error) {
	var here byte
	c.at.Store(uintptr(unsafe.Pointer(&here)))
	return c.Conn.Read(p)
}
