package session_test

import (
	"context"
	"io"
	"net/http"
	"slices"

	gorilla "github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/gorillaws"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// benched are the libraries of benchmarks and of some tests. Of gorilla's it has only the
// methods that these call.
var benched = append(slices.Clone(libraries), library{
	name: "gorilla",
	bare: endpoint{
		accept: func(w http.ResponseWriter, r *http.Request, _ options, _ ...session.Option) (conn, error) {
			c, err := (&gorilla.Upgrader{}).Upgrade(w, r, nil)
			return bareGorilla{Conn: c}, err
		},
		dial: func(ctx context.Context, url string, _ options, _ ...session.Option) (conn, *http.Response, error) {
			c, resp, err := gorilla.DefaultDialer.DialContext(ctx, url, nil)
			return bareGorilla{Conn: c}, resp, err
		},
	},
	traced: endpoint{
		accept: func(w http.ResponseWriter, r *http.Request, _ options, opts ...session.Option) (conn, error) {
			c, err := (&gorillaws.Upgrader{Options: opts}).Upgrade(w, r, nil)
			return tracedGorilla{Conn: c}, err
		},
		dial: func(ctx context.Context, url string, o options, opts ...session.Option) (conn, *http.Response, error) {
			d := gorillaws.Dialer{EnableCompression: o.compression != 0, Options: opts}
			if o.client != nil {
				d.NetDialContext = o.client.Transport.(*http.Transport).DialContext
			}
			c, resp, err := d.DialContext(ctx, url, nil)
			return tracedGorilla{Conn: c}, resp, err
		},
	},
})

// unused are the methods that no benchmark calls.
type unused struct{ conn }

type bareGorilla struct {
	unused
	*gorilla.Conn
}

func (c bareGorilla) Read(context.Context) (int, []byte, error) { return c.ReadMessage() }

func (c bareGorilla) Write(_ context.Context, typ int, p []byte) error {
	return c.WriteMessage(typ, p)
}

func (c bareGorilla) Close(int, string) error { return c.Conn.Close() }

func (c bareGorilla) CloseNow() error { return c.Conn.Close() }

func (c bareGorilla) SetReadLimit(int64) {}

func (c bareGorilla) Subprotocol() string { return c.Conn.Subprotocol() }

type tracedGorilla struct {
	unused
	*gorillaws.Conn
}

func (c tracedGorilla) Read(context.Context) (int, []byte, error) { return c.ReadMessage() }

func (c tracedGorilla) Reader(context.Context) (int, io.Reader, error) { return c.NextReader() }

func (c tracedGorilla) Write(_ context.Context, typ int, p []byte) error {
	return c.WriteMessage(typ, p)
}

func (c tracedGorilla) Close(int, string) error { return c.Conn.Close() }

func (c tracedGorilla) CloseNow() error { return c.Conn.Close() }

func (c tracedGorilla) SetReadLimit(int64) {}

func (c tracedGorilla) Subprotocol() string { return c.Conn.Subprotocol() }
