package gorillaws

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Upgrader is websocket.Upgrader: it has the library's fields, and Options. Its methods
// may be called concurrently.
type Upgrader struct {
	// HandshakeTimeout limits the duration of the handshake.
	HandshakeTimeout time.Duration

	// ReadBufferSize and WriteBufferSize are the sizes of the buffers in bytes. If one
	// is zero, the HTTP server's buffer is used. They do not limit messages.
	ReadBufferSize, WriteBufferSize int

	// WriteBufferPool is a pool of write buffers. If it is nil, a connection keeps one.
	WriteBufferPool BufferPool

	// Subprotocols are those that the server supports, in its order of preference.
	Subprotocols []string

	// Error writes the response to a handshake that is refused. If it is nil,
	// http.Error does.
	Error func(w http.ResponseWriter, r *http.Request, status int, reason error)

	// CheckOrigin reports whether the request's Origin is allowed. If it is nil, the
	// Origin must be the request's host.
	CheckOrigin func(r *http.Request) bool

	// EnableCompression negotiates compression of messages (RFC 7692) without context
	// takeover.
	EnableCompression bool

	// Options are options of this package.
	Options []Option
}

func (u *Upgrader) bare() *websocket.Upgrader {
	return &websocket.Upgrader{
		HandshakeTimeout:  u.HandshakeTimeout,
		ReadBufferSize:    u.ReadBufferSize,
		WriteBufferSize:   u.WriteBufferSize,
		WriteBufferPool:   u.WriteBufferPool,
		Subprotocols:      u.Subprotocols,
		Error:             u.Error,
		CheckOrigin:       u.CheckOrigin,
		EnableCompression: u.EnableCompression,
	}
}

// Upgrade is websocket.Upgrader.Upgrade: it accepts a client's WebSocket handshake,
// with responseHeader in the response, or refuses it with an HTTP error.
//
// The span handshake, of kind server, has the steps process_request and
// write_http_response as children, and those of a [NewListener]. That of a refused
// handshake names the failed check.
func (u *Upgrader) Upgrade(w http.ResponseWriter, r *http.Request, responseHeader http.Header) (*Conn, error) {
	conn, _, err := u.upgrade(w, r, responseHeader, session.NewConfig(u.Options))
	return conn, err
}

func (u *Upgrader) upgrade(w http.ResponseWriter, r *http.Request, responseHeader http.Header, cfg *session.Config) (*Conn, context.Context, error) {
	a := session.BeginAccept(library, w, r, cfg)
	ws, err := u.bare().Upgrade(a.ResponseWriter(), r, a.Header(responseHeader))
	s := a.End(err)
	if err != nil {
		return nil, nil, err
	}
	return newConn(ws, s), a.Context(), nil
}

// Upgrade is websocket.Upgrade: it does not check the Origin, and writes no response to
// a handshake that it refuses.
//
// Deprecated: use [Upgrader].
func Upgrade(w http.ResponseWriter, r *http.Request, responseHeader http.Header, readBufSize, writeBufSize int) (*Conn, error) {
	u := Upgrader{
		ReadBufferSize:  readBufSize,
		WriteBufferSize: writeBufSize,
		Error:           func(http.ResponseWriter, *http.Request, int, error) {},
		CheckOrigin:     func(*http.Request) bool { return true },
	}
	return u.Upgrade(w, r, responseHeader)
}

// Handler returns a handler that upgrades a connection, with the [Upgrader] of
// [WithUpgrader], and runs fn on it like trace.Handle: as the goroutine name, in fn's
// context. Calls on the connection that have no context of their own belong to that
// goroutine. At the end it sends a close frame, if none was sent, and closes the
// connection: with 1000 if fn returned nil, 1001 if fn's context ended, and else 1011.
// The error is recorded on the span, and passed to [WithOnError] and [WithLogger].
// [Conn.Request] is the request.
//
// A panic in fn is recorded, closes the connection with 1011, and is not recovered.
func Handler(name string, fn func(context.Context, *Conn) error, options ...Option) http.Handler {
	cfg := session.NewConfig(options)
	u, _ := cfg.Accept.(*Upgrader)
	if u == nil {
		u = new(Upgrader)
	}
	cfg = session.NewConfig(append(u.Options[:len(u.Options):len(u.Options)], options...))
	cfg.Handler = name
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ctx, err := u.upgrade(w, r, nil, cfg)
		if err != nil {
			cfg.Failed(r.Context(), r, err) // the library has answered
			return
		}
		conn.request = r
		conn.session.Handle(ctx, cfg, r, //nolint:contextcheck // upgrade derived it from r's
			func(ctx context.Context) error { return fn(ctx, conn) },
			func(code int) error {
				_ = conn.ws.WriteControl(CloseMessage, FormatCloseMessage(code, ""), time.Now().Add(controlTimeout))
				return conn.Close()
			})
	})
}

// WithUpgrader sets the upgrader of [Handler], which is copied. Its Options come before
// the handler's.
func WithUpgrader(u *Upgrader) Option { return session.WithAcceptOptions(u) }

// NewListener returns a listener that accepts from l. A server on it records the exact
// blocks of its connections, below TLS, and two more steps of a handshake; see
// wsconn.NewListener.
func NewListener(l net.Listener) net.Listener { return session.NewListener(l) }
