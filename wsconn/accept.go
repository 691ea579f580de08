package wsconn

import (
	"context"
	"net"
	"net/http"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Accept is websocket.Accept: it accepts a WebSocket handshake from a client, and writes a
// response to w on all errors. If w has no Hijack method but unwraps to a writer that has one,
// as with http.ResponseController, that one is used.
//
// The span handshake, of kind server, has the steps process_request and
// write_http_response as children, and those of a [NewListener]. That of a refused
// handshake names the failed check.
func Accept(w http.ResponseWriter, r *http.Request, opts *websocket.AcceptOptions, options ...Option) (*Conn, error) {
	conn, _, err := accept(w, r, opts, session.NewConfig(options))
	return conn, err
}

func accept(w http.ResponseWriter, r *http.Request, opts *websocket.AcceptOptions, cfg *session.Config) (*Conn, context.Context, error) {
	a := session.BeginAccept(library, w, r, cfg)
	conn, err := websocket.Accept(a.ResponseWriter(), r, opts)
	s := a.End(err)
	if err != nil {
		return nil, nil, err
	}
	return &Conn{ws: conn, session: s}, a.Context(), nil
}

// Handler returns a handler that accepts a WebSocket connection and runs fn on it like
// trace.Handle: as the goroutine name, in fn's context. Then it closes the connection, if it
// is not closed yet: with StatusNormalClosure if fn returned nil, StatusGoingAway if fn's
// context ended, and else StatusInternalError. The error is recorded on the span, and passed
// to [WithOnError] and [WithLogger]. [Conn.Request] is the request.
//
// A panic in fn is recorded, closes the connection with StatusInternalError, and is not
// recovered.
func Handler(name string, fn func(context.Context, *Conn) error, options ...Option) http.Handler {
	cfg := session.NewConfig(options)
	cfg.Handler = name
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ctx, err := accept(w, r, session.AcceptOptions[websocket.AcceptOptions](cfg, r), cfg)
		if err != nil { // the library has answered
			cfg.Failed(r.Context(), r, err)
			return
		}
		conn.request = r
		conn.session.Handle(ctx, cfg, r, //nolint:contextcheck // accept derived it from r's
			func(ctx context.Context) error { return fn(ctx, conn) },
			func(code int) error { return conn.Close(StatusCode(code), "") })
	})
}

// WithAcceptOptions sets the options with which [Handler] accepts. They are copied.
func WithAcceptOptions(opts *websocket.AcceptOptions) Option {
	return session.WithAcceptOptions(opts)
}

// WithAcceptOptionsFor sets a function that returns the options with which [Handler]
// accepts a request. nil stands for those of [WithAcceptOptions].
func WithAcceptOptionsFor(f func(*http.Request) *websocket.AcceptOptions) Option {
	return session.WithAcceptOptionsFor(f)
}

// NewListener returns a listener that accepts from l. A server on it, by http.Server.Serve or
// ServeTLS, records the exact blocks of its connections, below TLS. Its handshakes have two
// more steps, from the bytes on the wire:
//
//   - tls: from the first byte of the client's hello to the last byte of the
//     TLS handshake, the client's Finished or what the server wrote after it
//   - read_http_request: from the first to the last byte of the request; below
//     TLS, of the records that hold it
//
// The handshake's span then begins with the first of them, and not in Accept. They are
// absent if they were not seen: without NewListener; if the request is not the first on
// its connection; if the client's Finished could not be distinguished from the records
// around it; and if the request's context already carries a span of this process, which
// began after them, as in otelhttp.NewHandler.
//
// A listener that does TLS itself must be above: tls.NewListener(NewListener(l),
// config). A conn reads the clock once for each read and write until its handshake is
// over.
func NewListener(l net.Listener) net.Listener { return session.NewListener(l) }
