package session_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// network is wstest's. Unless exact is set, its conns do not say what they wait for, so
// that blocks are timed.
type network struct {
	*wstest.Listener
	exact bool
}

func newNetwork(opts ...wstest.Option) network { return network{wstest.Listen(opts...), false} }

func (n network) Accept() (net.Conn, error) { return n.conn(n.Listener.Accept()) }

func (n network) DialContext(ctx context.Context, on, addr string) (net.Conn, error) {
	return n.conn(n.Listener.DialContext(ctx, on, addr))
}

func (n network) conn(nc net.Conn, err error) (net.Conn, error) {
	if n.exact {
		return nc, err
	}
	return timed(nc, err)
}

// timedConn hides a wstest.Conn.
type timedConn struct {
	net.Conn
	Reset func() error
}

func timed(nc net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return timedConn{nc, nc.(*wstest.Conn).Reset}, nil
}

// serve serves h on l until the test is over.
func serve(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
}

// listen listens on loopback and returns the URL.
func listen(t *testing.T) (net.Listener, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, "ws://" + l.Addr().String()
}

// bubble runs f in a bubble of fake time for both libraries. Before everything is closed,
// the peer's goroutines read what has arrived, so that no write waits.
func bubble(t *testing.T, f func(t *testing.T, lib library)) {
	t.Helper()
	each(t, func(t *testing.T, lib library) {
		synctest.Test(t, func(t *testing.T) {
			f(t, lib)
			synctest.Wait()
		})
	})
}

// pair is a connection, each side with a recorder of its own.
type pair struct {
	client, server           conn
	clientSpans, serverSpans *recorder
}

type setup struct {
	options
	tcp            bool // on loopback rather than in memory
	stalls         bool // in memory, a write waits until all but a byte is read
	window         int  // in memory, in bytes
	exact          bool // in memory, conns say what they wait for
	bare           bool
	announced      bool // the raw peer announces trace pongs
	deflates       bool // the raw server agrees to compression
	client, server []session.Option
}

func (s *setup) network() network {
	n := newNetwork()
	switch {
	case s.stalls:
		n = newNetwork(wstest.WithWindow(1))
	case s.window > 0:
		n = newNetwork(wstest.WithWindow(s.window))
	}
	n.exact = s.exact
	return n
}

const announcement = tracepong.Header + ": " + tracepong.Version + "\r\n"

// connect makes a pair.
func connect(t *testing.T, lib library, s setup) *pair {
	t.Helper()
	p := &pair{clientSpans: newRecorder(t), serverSpans: newRecorder(t)}
	end := lib.traced
	if s.bare {
		end = lib.bare
	}
	accepted := make(chan conn, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := end.accept(w, r, s.options, append([]session.Option{p.serverSpans.option()}, s.server...)...)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	})
	url := dialable(t, &s, handler)
	c, _, err := end.dial(t.Context(), url, s.options, append([]session.Option{p.clientSpans.option()}, s.client...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.client, p.server = c, <-accepted
	t.Cleanup(func() { closeBoth(p.client, p.server) })
	return p
}

// dialable serves h on the network of s, and returns a URL for s.options.
func dialable(t *testing.T, s *setup, h http.Handler) (url string) {
	t.Helper()
	if s.tcp {
		l, url := listen(t)
		serve(t, l, h)
		return url
	}
	l := s.network()
	serve(t, l, h)
	s.options.client = &http.Client{Transport: &http.Transport{DialContext: l.DialContext}}
	return "ws://server"
}

// closeBoth closes conns at the same time, since a Close of the library waits for the
// other end.
func closeBoth(conns ...conn) {
	var wg sync.WaitGroup
	for _, c := range conns {
		wg.Go(func() { _ = c.CloseNow() })
	}
	wg.Wait()
}

// peer speaks the protocol by hand.
type peer struct {
	net.Conn
	r      *bufio.Reader
	client bool
}

// rawClient makes a traced server and a client that speaks by hand. What the
// peer sends together with its request is early.
func rawClient(t *testing.T, lib library, s setup, early []byte) (conn, *recorder, *peer) {
	t.Helper()
	rec := newRecorder(t)
	end := lib.traced
	if s.bare {
		end = lib.bare
	}
	accepted := make(chan conn, 1)
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := end.accept(w, r, s.options, append([]session.Option{rec.option()}, s.server...)...)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	})
	var nc net.Conn
	var err error
	if s.tcp {
		l, _ := listen(t)
		serve(t, l, handler)
		nc, err = net.Dial("tcp", l.Addr().String())
	} else {
		l := s.network()
		serve(t, l, handler)
		nc, err = l.DialContext(t.Context(), "", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	p := &peer{nc, bufio.NewReader(nc), true}
	request := "GET / HTTP/1.1\r\nHost: pipe\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" +
		"Sec-WebSocket-Extensions: permessage-deflate\r\n"
	if s.announced {
		request += announcement
	}
	request += "\r\n"
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = nc.Write(append([]byte(request), early...))
	}()
	resp, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	<-sent
	_ = resp.Body.Close()
	c := <-accepted
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, rec, p
}

// rawServer makes a traced client and a server that speaks by hand.
func rawServer(t *testing.T, lib library, s setup) (conn, *recorder, *peer) {
	t.Helper()
	rec := newRecorder(t)
	end := lib.traced
	if s.bare {
		end = lib.bare
	}
	hijacked := make(chan *peer, 1)
	url := dialable(t, &s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nc, brw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		more := ""
		if s.announced {
			more = announcement
		}
		if s.deflates {
			more += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
		}
		_, _ = io.WriteString(nc, switching(r, more))
		hijacked <- &peer{nc, brw.Reader, false}
	}))
	c, _, err := end.dial(t.Context(), url, s.options, append([]session.Option{rec.option()}, s.client...)...)
	if err != nil {
		t.Fatal(err)
	}
	p := <-hijacked
	t.Cleanup(func() { _ = p.Close() })
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, rec, p
}

// switching returns the answer that accepts a handshake, with more headers.
func switching(r *http.Request, more string) string {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(sum[:]) + "\r\n" + more + "\r\n"
}

// Opcodes with FIN, and without.
const (
	opText   = 0x81
	opMore   = 0x01 // text, to be continued
	opLast   = 0x80 // the last continuation
	opMiddle = 0x00
	opClose  = 0x88
	opPing   = 0x89
	opPong   = 0x8A
)

// frame returns a frame as the peer sends it.
func (p *peer) frame(first byte, payload string) []byte {
	b := []byte{first, byte(len(payload))}
	if len(payload) > 125 {
		b = append([]byte{first, 126}, byte(len(payload)>>8), byte(len(payload)))
	}
	if !p.client {
		return append(b, payload...)
	}
	b[1] |= 0x80
	return append(append(b, 0, 0, 0, 0), payload...) // a mask of zeros changes nothing
}

func (p *peer) closeFrame(code int, reason string) []byte {
	return p.frame(opClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// send sends bytes, in one piece.
func (p *peer) send(t *testing.T, chunks ...[]byte) {
	t.Helper()
	if _, err := p.Write(bytes.Join(chunks, nil)); err != nil {
		t.Error(err)
	}
}

// try sends bytes that nobody may read.
func (p *peer) try(b []byte) { _, _ = p.Write(b) }

// receive reads a short frame.
func (p *peer) receive(t *testing.T) (first byte, payload string) {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(p.r, head[:]); err != nil {
		t.Errorf("receive: %v", err)
		return 0, ""
	}
	n := int(head[1] & 0x7F)
	mask := make([]byte, 4)
	if n == 126 {
		var length [2]byte
		_, _ = io.ReadFull(p.r, length[:])
		n = int(binary.BigEndian.Uint16(length[:]))
	}
	if head[1]&0x80 != 0 {
		_, _ = io.ReadFull(p.r, mask)
	}
	b := make([]byte, n)
	_, _ = io.ReadFull(p.r, b)
	for i := range b {
		b[i] ^= mask[i%4]
	}
	return head[0], string(b)
}

// drain reads and drops whatever comes, until the connection ends.
func (p *peer) drain() (done <-chan struct{}) {
	ch := make(chan struct{})
	go func() {
		defer close(ch)
		_, _ = io.Copy(io.Discard, p.r)
	}()
	return ch
}

const ms = time.Millisecond
