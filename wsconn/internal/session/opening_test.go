package session_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// another is a library that differs from the wrapped ones in what it does itself and what
// it leaves to the program.
var another = &session.Library{
	CloseStatus:       func(error) int { return -1 },
	HijacksFirst:      true,
	ConcurrentWriters: true,
	ControlTimeout:    time.Second,
}

// anotherServer returns a connection that such a library has accepted.
func anotherServer(t *testing.T, rec *recorder) (wire net.Conn, s *session.Session, p *peer) {
	t.Helper()
	l := newNetwork()
	wire, s, nc := accepted(t, another, l, func() (net.Conn, error) { return l.DialContext(t.Context(), "", "") }, nil, rec.option())
	return wire, s, &peer{Conn: nc, r: bufio.NewReader(nc), client: true}
}

// A server's answer on the wire contains no frames, and is the handshake's result.
func TestAcceptOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		wire, s, p := anotherServer(t, rec)
		p.send(t, p.frame(opText, "hi"))
		r := s.BeginRead(t.Context())
		buf := make([]byte, 100)
		n, _ := wire.Read(buf)
		r.End(messageText, 2, nil)
		if want := p.frame(opText, "hi"); !bytes.Equal(buf[:n], want) {
			t.Errorf("got %x, want %x", buf[:n], want)
		}
		_ = wire.Close()
		synctest.Wait()
		wantEnded(t, rec)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake {http.response.status_code=101, subprotocol=chat}
				process_request
				write_http_response
				read {message.type=text, message.size=2, message.index=1, frame.count=1, wire.size=8}
				close {status=error, error.type=closed, close.completed=false}
		`, tracetest.TrimPrefix("websocket."), tracetest.Exact(compared...), tracetest.Without(semconv.SpanBlock, semconv.SpanWake))
	})
}

// A client's handshake on the wire ends with the answer that accepts it. Bytes behind it
// in the same chunk are frames. An answer of a proxy before it is not the end.
func TestDialOpening(t *testing.T) {
	const answer = "HTTP/1.1 101 Switching Protocols\r\n" + announcement + "\r\n"
	p := &peer{}
	for _, test := range []struct{ name, before string }{{"direct", ""}, {"proxy", "HTTP/1.1 200 OK\r\n\r\n"}} {
		for _, step := range []int{1, 7, 1000} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					rec := newRecorder(t)
					ctx, d := session.BeginDial(t.Context(), another, "ws://example.com/", nil, session.NewConfig([]session.Option{rec.option()}))
					l := newNetwork()
					go func() {
						server, err := l.Accept()
						if err != nil {
							return
						}
						defer func() { _ = server.Close() }()
						r := bufio.NewReader(server)
						if test.before != "" {
							_, _ = http.ReadRequest(r)
							_, _ = io.WriteString(server, test.before)
						}
						req, err := http.ReadRequest(r)
						if err != nil || req.Header.Get(tracepong.Header) == "" {
							t.Errorf("got %v, %v, want the announcement", req, err)
						}
						for b := range slices.Chunk(slices.Concat([]byte(answer), p.tracePong(1), p.frame(opText, "first")), step) {
							_, _ = server.Write(b)
						}
						_, _ = io.Copy(io.Discard, r)
					}()
					nc, err := l.DialContext(ctx, "", "")
					if err != nil {
						t.Fatal(err)
					}
					wire := d.Conn(nc)
					r := bufio.NewReader(wire)
					if test.before != "" {
						_, _ = io.WriteString(wire, "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com\r\n\r\n")
						resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
						if err != nil {
							t.Fatal(err)
						}
						_ = resp.Body.Close()
					}
					req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
					req.Header = d.Header()
					_ = req.Write(wire)
					resp, err := http.ReadResponse(r, req)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					s := d.End(resp, nil)
					read := s.BeginRead(t.Context())
					message := p.frame(opText, "first")
					got := make([]byte, len(message))
					_, err = io.ReadFull(r, got)
					read.End(messageText, 5, err)
					if !bytes.Equal(got, message) || r.Buffered() > 0 {
						t.Errorf("got %q and %d bytes, want %q", got, r.Buffered(), message)
					}
					_ = wire.Close()
					synctest.Wait()
					wantEnded(t, rec)
					want := `
						handshake {http.response.status_code=101}
							write_http_request
							read_http_response
							read {message.type=text, message.size=5, message.index=1, frame.count=1, wire.size=7} -> ?
							close {status=error, error.type=closed, close.completed=false}
					`
					if test.before != "" { // the proxy's
						const both = "write_http_request\n\t\t\t\t\t\t\tread_http_response\n"
						want = strings.Replace(want, both, both+"\t\t\t\t\t\t\t"+both, 1)
					}
					tracetest.AssertTree(t, rec.Chain(), want, tracetest.TrimPrefix("websocket."), tracetest.Exact(compared...), tracetest.Without(semconv.SpanBlock, semconv.SpanWake))
				})
			})
		}
	}
}

// The handshake of a refused client names the check.
func TestDialOpeningRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		ctx, d := session.BeginDial(t.Context(), another, "ws://example.com/", nil, session.NewConfig([]session.Option{rec.option()}))
		l := newNetwork()
		go func() {
			server, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(server))
			_, _ = io.WriteString(server, "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n\r\n\r\n")
			_ = server.Close()
		}()
		nc, err := l.DialContext(ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		wire := d.Conn(nc)
		req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
		_ = req.Write(wire)
		resp, err := http.ReadResponse(bufio.NewReader(wire), req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = wire.Close()
		d.End(resp, io.ErrUnexpectedEOF)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake {status=error, error.type=403, http.response.status_code=403, handshake.check=status}
				write_http_request
				read_http_response
		`, tracetest.TrimPrefix("websocket."), tracetest.Exact(compared...))
	})
}

// Two writes at a time, which the library forbids, name each other.
func TestConcurrentWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		wire, s, p := anotherServer(t, rec)
		first := s.BeginWrite(t.Context(), messageText)
		second := s.BeginWrite(t.Context(), messageBinary)
		for _, w := range []*session.Write{&second, &first} {
			func() {
				defer func() { _ = recover() }()
				defer w.EndPanicked()
				panic("concurrent write")
			}()
		}
		_, _ = wire.Write((&peer{}).frame(opText, "third"))
		third := s.BeginWrite(t.Context(), 0)
		_, _ = wire.Write((&peer{}).frame(opText, "whole"))
		third.End(-1, nil)
		third.EndPanicked() // it has ended before
		drained := p.drain()
		_ = wire.Close()
		<-drained
		synctest.Wait()
		wantEnded(t, rec)
		tracetest.AssertTree(t, rec.Chain(), `
			write {status=error, error.type=panic} -> write
			write {status=error, error.type=panic} -> write
			write {message.type=text, message.size=5, message.index=2, frame.count=1, wire.size=7}
			close {status=error, error.type=closed, close.completed=false}
		`, tracetest.TrimPrefix("websocket."), tracetest.Exact(compared...), tracetest.Without(semconv.SpanHandshake, steps))
	})
}

// A message that is begun ends the one before, as the library does.
func TestConcurrentWritersStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		wire, s, p := anotherServer(t, rec)
		drained := p.drain()
		w := s.BeginWrite(t.Context(), messageText)
		stream := w.Writer(lastFrame{wire})
		next := s.BeginWrite(t.Context(), messageText)
		_, _ = wire.Write((&peer{}).frame(opText, "next"))
		next.End(4, nil)
		_ = stream.Close()
		_ = wire.Close()
		<-drained
		synctest.Wait()
		wantTree(t, rec, `
			write @0s 0s {message.type=text, message.size=0, message.index=1, frame.count=1, wire.size=6}
			write @0s 0s {message.type=text, message.size=4, message.index=2, frame.count=1, wire.size=6}
			close @0s 0s {status=error, error.type=closed, close.completed=false}
		`)
	})
}

// lastFrame is a writer of a message that writes it when it is closed.
type lastFrame struct{ net.Conn }

func (f lastFrame) Close() error {
	_, err := f.Write((&peer{}).frame(opText, "last"))
	return err
}

// Control frames that the program sends have spans of their own. A close frame of the
// program is never taken for the library's verdict on what it read.
func TestBeginControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		wire, s, p := anotherServer(t, rec)
		drained := p.drain()
		control := func(ctx context.Context, first byte, payload string) {
			c := s.BeginControl(ctx, int(first&0xF), []byte(payload))
			_, err := wire.Write((&peer{}).frame(first, payload))
			c.End(err)
		}
		_ = trace.Handle(s.Context(t.Context()), "program", func(ctx context.Context) error {
			control(ctx, opPing, "?")
			r := s.BeginRead(ctx)
			control(context.Background(), opPong, "!")
			control(ctx, opClose, "\x03\xf2")
			r.End(0, 0, io.ErrUnexpectedEOF)
			control(ctx, opClose, "\x03\xf2")
			return nil
		})
		c := s.BeginCloseNow()
		c.End(wire.Close())
		<-drained
		wantTree(t, rec, `
			program @0s 0s {state=finished}
				ping @0s 0s
				read @0s 0s {status=error, error.type=unexpected_eof}
					pong @0s 0s
				write @0s 0s {message.type=close, message.size=2}
			close @0s 0s {status=error, error.type=1010, close.code=1010, close.initiator=local, close.completed=false}
		`)
	})
}

// A ping that the library answers by itself, without a program's control frame.
func TestControlOfLibrary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := newRecorder(t)
		wire, s, p := anotherServer(t, rec)
		drained := p.drain()
		r := s.BeginRead(t.Context())
		_, _ = wire.Write((&peer{}).frame(opPong, "by itself"))
		r.End(messageText, 0, nil)
		_ = wire.Close()
		<-drained
		synctest.Wait()
		wantEnded(t, rec)
		if n := len(rec.Chain().Named(semconv.SpanPong)); n != 1 {
			t.Errorf("got %d spans pong, want 1", n)
		}
	})
}
