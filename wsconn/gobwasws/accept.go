package gobwasws

import (
	"context"
	"errors"
	"net/http"

	"github.com/gobwas/ws"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

var errEarly = errors.New("gobwasws: the client sent data before the handshake was over")

// Upgrade is ws.HTTPUpgrader.Upgrade: it accepts a client's WebSocket handshake, with
// the span handshake. It refuses a client that has sent more than its request.
func Upgrade(u ws.HTTPUpgrader, w http.ResponseWriter, r *http.Request, options ...Option) (*Conn, ws.Handshake, error) {
	c, hs, _, err := upgrade(u, w, r, session.NewConfig(options))
	return c, hs, err
}

func upgrade(u ws.HTTPUpgrader, w http.ResponseWriter, r *http.Request, cfg *session.Config) (*Conn, ws.Handshake, context.Context, error) {
	a := session.BeginAccept(library, w, r, cfg)
	u.Header = a.Header(u.Header)
	nc, rw, hs, err := u.Upgrade(r, a.ResponseWriter())
	if err == nil && rw.Reader.Buffered() > 0 {
		err = errEarly
	}
	s := a.End(err)
	if err != nil {
		if nc != nil {
			_ = nc.Close()
		}
		return nil, hs, nil, err
	}
	return &Conn{nc: nc, session: s, state: ws.StateServerSide}, hs, a.Context(), nil
}

// Handler returns a handler that upgrades a connection and runs fn on it as the
// goroutine name, like trace.Handle. At the end it sends a close frame and closes the
// connection: with 1000 if fn returned nil, 1001 if fn's context ended, and else 1011.
func Handler(name string, fn func(context.Context, *Conn) error, options ...Option) http.Handler {
	cfg := session.NewConfig(options)
	cfg.Handler = name
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, ctx, err := upgrade(ws.HTTPUpgrader{}, w, r, cfg)
		if err != nil {
			cfg.Failed(r.Context(), r, err) // the library has answered
			return
		}
		c.session.Handle(ctx, cfg, r, //nolint:contextcheck // upgrade derived it from r's
			func(ctx context.Context) error { return fn(ctx, c) },
			func(code int) error {
				_ = c.WriteControl(ws.OpClose, ws.NewCloseFrameBody(ws.StatusCode(code), ""))
				return c.Close()
			})
	})
}
