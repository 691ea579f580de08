package gorillaws

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Dialer is websocket.Dialer: it has the library's fields, and Options. Its methods may
// be called concurrently. A nil Dialer has the values of [DefaultDialer].
type Dialer struct {
	// NetDial dials a TCP connection if NetDialContext is nil. If both are nil, a
	// net.Dialer does.
	NetDial func(network, addr string) (net.Conn, error)

	// NetDialContext dials a TCP connection.
	NetDialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// NetDialTLSContext dials a TLS connection and performs its handshake. If it is
	// nil, TLSClientConfig is used on a TCP connection.
	NetDialTLSContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Proxy returns the proxy for a request, or nil for none. If Proxy is nil, there is no
	// proxy.
	Proxy func(*http.Request) (*url.URL, error)

	// TLSClientConfig configures TLS if NetDialTLSContext is nil.
	TLSClientConfig *tls.Config

	// HandshakeTimeout limits the duration of the handshake; 0 means no limit.
	HandshakeTimeout time.Duration

	// ReadBufferSize and WriteBufferSize are the sizes of the buffers in bytes; 0 means
	// 4,096. They do not limit messages.
	ReadBufferSize, WriteBufferSize int

	// WriteBufferPool is a pool of write buffers. If it is nil, a connection keeps one.
	WriteBufferPool BufferPool

	// Subprotocols are those that the client requests.
	Subprotocols []string

	// EnableCompression negotiates compression of messages (RFC 7692) without context
	// takeover.
	EnableCompression bool

	// Jar holds the cookies. If it is nil, none are sent.
	Jar http.CookieJar

	// Options are options of this package.
	Options []Option
}

// DefaultDialer is a dialer with the library's defaults: a proxy from the environment,
// and a handshake within 45 s.
var DefaultDialer = &Dialer{
	Proxy:            websocket.DefaultDialer.Proxy,
	HandshakeTimeout: websocket.DefaultDialer.HandshakeTimeout,
}

var nilDialer = *DefaultDialer

func (d *Dialer) bare() *websocket.Dialer {
	return &websocket.Dialer{
		NetDial:           d.NetDial,
		NetDialContext:    d.NetDialContext,
		NetDialTLSContext: d.NetDialTLSContext,
		Proxy:             d.Proxy,
		TLSClientConfig:   d.TLSClientConfig,
		HandshakeTimeout:  d.HandshakeTimeout,
		ReadBufferSize:    d.ReadBufferSize,
		WriteBufferSize:   d.WriteBufferSize,
		WriteBufferPool:   d.WriteBufferPool,
		Subprotocols:      d.Subprotocols,
		EnableCompression: d.EnableCompression,
		Jar:               d.Jar,
	}
}

// Dial is DialContext without a context.
func (d *Dialer) Dial(urlStr string, requestHeader http.Header) (*Conn, *http.Response, error) {
	return d.DialContext(context.Background(), urlStr, requestHeader)
}

// DialContext is websocket.Dialer.DialContext: it performs a WebSocket handshake on
// urlStr, within ctx. The span handshake, of kind client, is a child of the span in
// ctx. Its children are the steps dns, connect, tls, write_http_request and
// read_http_response.
//
// Blocks are exact, also below TLS and behind a proxy. The exception is a
// NetDialTLSContext whose connections are not over one of package netpoll: their blocks
// are timed. The GotConn hook of an httptrace.ClientTrace in ctx is called after the
// TLS handshake, as net/http does.
func (d *Dialer) DialContext(ctx context.Context, urlStr string, requestHeader http.Header) (*Conn, *http.Response, error) {
	if d == nil {
		d = &nilDialer
	}
	bare := d.bare()
	if ctx == nil { // the library refuses it
		_, resp, err := bare.DialContext(ctx, urlStr, requestHeader)
		return nil, resp, err
	}
	ctx, hs := session.BeginDial(ctx, library, urlStr, requestHeader, session.NewConfig(d.Options))
	if !hs.Off() {
		observe(bare, hs)
	}
	ws, resp, err := bare.DialContext(ctx, urlStr, hs.Header())
	s := hs.End(resp, err)
	if err != nil {
		return nil, resp, err
	}
	return newConn(ws, s), resp, nil
}

// NewClient is websocket.NewClient: it performs a handshake over netConn.
//
// Deprecated: use [Dialer].
func NewClient(netConn net.Conn, u *url.URL, requestHeader http.Header, readBufSize, writeBufSize int) (c *Conn, response *http.Response, err error) {
	d := Dialer{
		ReadBufferSize:  readBufSize,
		WriteBufferSize: writeBufSize,
		NetDial:         func(string, string) (net.Conn, error) { return netConn, nil },
	}
	return d.Dial(u.String(), requestHeader)
}
