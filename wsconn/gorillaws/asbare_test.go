package gorillaws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// conn has the methods that the Conn of both packages has.
type conn interface {
	NextReader() (int, io.Reader, error)
	ReadMessage() (int, []byte, error)
	ReadJSON(v any) error
	NextWriter(messageType int) (io.WriteCloser, error)
	WriteMessage(messageType int, data []byte) error
	WriteJSON(v any) error
	WritePreparedMessage(pm *websocket.PreparedMessage) error
	WriteControl(messageType int, data []byte, deadline time.Time) error
	Close() error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
	SetReadLimit(limit int64)
	SetCompressionLevel(level int) error
	SetPingHandler(h func(appData string) error)
	NetConn() net.Conn
}

// Each method returns what the bare library's does in the same situation.
func TestAsBare(t *testing.T) {
	past := time.Now().Add(-time.Hour)
	closing := gorillaws.FormatCloseMessage(gorillaws.CloseNormalClosure, "bye")
	for _, tt := range []struct {
		name string
		do   func(c, peer conn) string
	}{
		{"message", func(c, peer conn) string {
			err := c.WriteMessage(websocket.TextMessage, []byte("a"))
			typ, p, err2 := peer.ReadMessage()
			return fmt.Sprint(err, typ, string(p), err2)
		}},
		{"message of no type", func(c, _ conn) string { return fmt.Sprint(c.WriteMessage(5, nil)) }},
		{"large message", func(c, peer conn) string {
			err := c.WriteMessage(websocket.BinaryMessage, make([]byte, 20000))
			typ, p, err2 := peer.ReadMessage()
			return fmt.Sprint(err, typ, len(p), err2)
		}},
		{"writer", func(c, peer conn) string {
			w, err := c.NextWriter(websocket.BinaryMessage)
			n, err2 := io.Copy(w, bytes.NewReader(make([]byte, 10000)))
			err3, err4 := w.Close(), w.Close()
			_, p, err5 := peer.ReadMessage()
			return fmt.Sprint(err, n, err2, err3, err4, len(p), err5)
		}},
		{"writer left open", func(c, peer conn) string {
			w, _ := c.NextWriter(websocket.TextMessage)
			_, _ = io.WriteString(w, "first")
			err := c.WriteMessage(websocket.TextMessage, []byte("second"))
			_, p, _ := peer.ReadMessage()
			_, q, _ := peer.ReadMessage()
			_, err2 := w.Write([]byte("late"))
			return fmt.Sprint(err, string(p), string(q), err2)
		}},
		{"reader left", func(c, peer conn) string {
			_ = c.WriteMessage(websocket.TextMessage, []byte("first"))
			_ = c.WriteMessage(websocket.TextMessage, []byte("second"))
			_, r, err := peer.NextReader()
			n, err2 := r.Read(make([]byte, 2))
			_, p, err3 := peer.ReadMessage()
			m, err4 := r.Read(make([]byte, 2))
			return fmt.Sprint(err, n, err2, string(p), err3, m, err4)
		}},
		{"JSON", func(c, peer conn) string {
			var v struct{ A int }
			err := c.WriteJSON(map[string]int{"A": 3})
			err2 := peer.ReadJSON(&v)
			_ = c.WriteMessage(websocket.TextMessage, nil)
			err3 := peer.ReadJSON(&v)
			return fmt.Sprint(err, err2, v.A, err3, c.WriteJSON(func() {}))
		}},
		{"prepared", func(c, peer conn) string {
			pm, _ := gorillaws.NewPreparedMessage(websocket.TextMessage, []byte("prepared"))
			err := c.WritePreparedMessage(pm)
			_, p, err2 := peer.ReadMessage()
			return fmt.Sprint(err, string(p), err2)
		}},
		{"control", func(c, _ conn) string {
			return fmt.Sprint(c.WriteControl(websocket.TextMessage, nil, time.Time{}), c.WriteControl(websocket.PingMessage, make([]byte, 126), time.Time{}),
				c.WriteControl(websocket.PingMessage, nil, past), c.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second)))
		}},
		{"close", func(c, peer conn) string {
			err := c.WriteControl(websocket.CloseMessage, closing, time.Time{})
			err2 := c.WriteMessage(websocket.TextMessage, nil)
			_, _, err3 := peer.ReadMessage()
			_, _, err4 := c.ReadMessage()
			_, _, err5 := c.ReadMessage()
			return fmt.Sprint(err, err2, err3, err4, err5, c.Close(), c.Close())
		}},
		{"closed below", func(c, peer conn) string {
			_ = c.Close()
			_, _, err := peer.ReadMessage()
			_, _, err2 := c.ReadMessage()
			return fmt.Sprint(err, err2, c.WriteMessage(websocket.TextMessage, nil))
		}},
		{"read deadline", func(c, _ conn) string {
			err := c.SetReadDeadline(past)
			_, _, err2 := c.ReadMessage()
			ne, ok := err2.(net.Error)
			return fmt.Sprint(err, err2, ok && ne.Timeout())
		}},
		{"write deadline", func(c, _ conn) string {
			err := c.SetWriteDeadline(past)
			return fmt.Sprint(err, c.WriteMessage(websocket.TextMessage, nil), c.WriteMessage(websocket.TextMessage, nil))
		}},
		{"read limit", func(c, peer conn) string {
			peer.SetReadLimit(3)
			_ = c.WriteMessage(websocket.TextMessage, []byte("long"))
			_, _, err := peer.ReadMessage()
			_, _, err2 := c.ReadMessage()
			return fmt.Sprint(err, err == websocket.ErrReadLimit, err2)
		}},
		{"ping handler", func(c, peer conn) string {
			peer.SetPingHandler(func(s string) error { return fmt.Errorf("pinged with %s", s) })
			_ = c.WriteControl(websocket.PingMessage, []byte("x"), time.Time{})
			_, _, err := peer.ReadMessage()
			return fmt.Sprint(err)
		}},
		{"level", func(c, _ conn) string { return fmt.Sprint(c.SetCompressionLevel(99), c.SetCompressionLevel(1)) }},
		{"type of the conn", func(c, peer conn) string { return fmt.Sprintf("%T %T", c.NetConn(), peer.NetConn()) }},
	} {
		for _, side := range []string{"client", "server"} {
			t.Run(tt.name+"/"+side, func(t *testing.T) {
				do := func(c, s conn) string {
					if side == "server" {
						c, s = s, c
					}
					return address.ReplaceAllString(tt.do(c, s), "ADDRESS")
				}
				want := do(barePair(t))
				rec := newRecorder(t)
				if got := do(rec.pair()); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
}

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

func barePair(t *testing.T) (client, server conn) {
	t.Helper()
	conns := make(chan conn, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := new(websocket.Upgrader).Upgrade(w, r, nil); err == nil {
			conns <- c
		}
	}))
	t.Cleanup(srv.Close)
	c, _, err := new(websocket.Dialer).Dial("ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := <-conns
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return c, s
}

func (r *recorder) pair() (client, server conn) {
	conns := make(chan conn, 1)
	url := r.listen(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		u := gorillaws.Upgrader{Options: []gorillaws.Option{r.option("server")}}
		if c, err := u.Upgrade(w, req, nil); err == nil {
			conns <- c
		}
	}))
	c := r.dial(url, gorillaws.Dialer{})
	s := <-conns
	r.t.Cleanup(func() { _ = s.Close() })
	return c, s
}

// A read links to the write of a peer with another library's package, and the peer's read
// to this one's write.
func TestLinksBetweenLibraries(t *testing.T) {
	dials := map[string]func(ctx context.Context, url string, o gorillaws.Option) (func([]byte) error, func() error, error){
		"nhooyr": func(ctx context.Context, url string, o gorillaws.Option) (func([]byte) error, func() error, error) {
			c, _, err := wsconn.Dial(ctx, url, nil, o)
			return func(p []byte) error { return c.Write(ctx, wsconn.MessageText, p) },
				func() error { _, _, err := c.Read(ctx); _ = c.CloseNow(); return err }, err
		},
		"coder": func(ctx context.Context, url string, o gorillaws.Option) (func([]byte) error, func() error, error) {
			c, _, err := coderws.Dial(ctx, url, nil, o)
			return func(p []byte) error { return c.Write(ctx, coderws.MessageText, p) },
				func() error { _, _, err := c.Read(ctx); _ = c.CloseNow(); return err }, err
		},
	}
	for name, dial := range dials {
		t.Run(name, func(t *testing.T) {
			rec := newRecorder(t)
			write, read, err := dial(t.Context(), rec.serve(gorillaws.Upgrader{}, echo), rec.option("client"))
			if err != nil {
				t.Fatal(err)
			}
			if err := write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := read(); err != nil {
				t.Fatal(err)
			}
			for _, service := range []string{"client", "server"} {
				found := rec.all("read [" + service + "] {websocket.message.size=5}")
				if len(found) != 1 || !linksToWrite(found[0]) {
					t.Errorf("the read of the %s does not link to the peer's write: %v", service, found)
				}
			}
		})
	}
}

func linksToWrite(s *chain.Span) bool {
	for _, l := range s.Links {
		if l.Span != nil && l.Span.Name == "write" && l.Span.Service != s.Service {
			return true
		}
	}
	return false
}
