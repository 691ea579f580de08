package wsconn

import (
	"context"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Accept is websocket.Accept: it accepts a WebSocket handshake from a client,
// and writes a response to w on all errors. The span handshake, of kind server,
// has the steps process_request and write_http_response as children; that of a
// refused handshake names the check that refused.
func Accept(w http.ResponseWriter, r *http.Request, opts *websocket.AcceptOptions, options ...Option) (*Conn, error) {
	conn, _, err := accept(w, r, opts, session.NewConfig(options))
	return conn, err
}

func accept(w http.ResponseWriter, r *http.Request, opts *websocket.AcceptOptions, cfg *session.Config) (*Conn, context.Context, error) {
	a := session.BeginAccept(w, r, cfg, closeStatus)
	conn, err := websocket.Accept(a.ResponseWriter(), r, opts)
	s := a.End(err)
	if err != nil {
		return nil, nil, err
	}
	return &Conn{ws: conn, session: s}, a.Context(), nil
}

// Handler returns a handler that accepts a WebSocket connection and runs fn on
// it, as trace.Handle does: below the span "go NAME", which the context that fn
// is given carries, and with the span NAME at its end. Then it closes the
// connection, if it is not closed yet: with StatusNormalClosure if fn returned
// nil, StatusGoingAway if fn's context ended, and else StatusInternalError. The
// error goes no further than the span.
//
// A panic in fn is recorded, closes the connection with StatusInternalError,
// and goes on to net/http untouched.
func Handler(name string, fn func(context.Context, *Conn) error, options ...Option) http.Handler {
	cfg := session.NewConfig(options)
	opts, _ := cfg.Accept.(*websocket.AcceptOptions)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ctx, err := accept(w, r, opts, cfg)
		if err != nil {
			return // the library has answered
		}
		_ = trace.Handle(ctx, name, func(ctx context.Context) error {
			status := StatusInternalError // of a panic
			defer func() { _ = conn.close(ctx, status, "") }()
			err := fn(ctx, conn)
			status = exitStatus(ctx, err)
			return err
		}, trace.WithErrorType(conn.session.ErrorType))
	})
}

func exitStatus(ctx context.Context, err error) StatusCode {
	switch {
	case err == nil:
		return StatusNormalClosure
	case ctx.Err() != nil:
		return StatusGoingAway
	default:
		return StatusInternalError
	}
}
