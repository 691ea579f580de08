package gorillaws

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// observe replaces d's dial functions, so that hs observes the connections: their
// blocks below TLS, and their frames above it. The library performs TLS by itself on a
// connection that it dials, so the replacement performs TLS in the same way.
func observe(d *websocket.Dialer, hs *session.Dial) {
	t := transport{hs: hs, dial: d.NetDialContext, config: d.TLSClientConfig}
	if dial := d.NetDial; t.dial == nil && dial != nil {
		t.dial = func(_ context.Context, network, addr string) (net.Conn, error) { return dial(network, addr) }
	}
	if t.dial == nil {
		t.dial = new(net.Dialer).DialContext
	}
	d.NetDialContext = t.plain
	if dial := d.NetDialTLSContext; dial != nil {
		d.NetDialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(ctx, network, addr)
			if err != nil {
				return nc, err
			}
			return hs.Conn(nc), nil
		}
		return
	}
	d.NetDialTLSContext = t.secure
	if proxy := d.Proxy; proxy != nil {
		d.Proxy = func(req *http.Request) (*url.URL, error) {
			u, err := proxy(req)
			if req.URL.Scheme == "https" { // secure dials through it, below TLS
				t.proxy, u = u, nil
			}
			return u, err
		}
	}
}

// transport dials for one handshake.
type transport struct {
	hs     *session.Dial
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	config *tls.Config
	proxy  *url.URL // of a TLS connection
}

func (t *transport) plain(ctx context.Context, network, addr string) (net.Conn, error) {
	nc, err := t.dial(ctx, network, addr)
	if err != nil {
		return nc, err
	}
	return t.hs.Conn(netpoll.Wrap(nc)), nil
}

// secure dials, through the proxy if there is one, and performs the TLS handshake.
func (t *transport) secure(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := t.dial
	if t.proxy != nil {
		dial = t.through
	}
	nc, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := nc.SetDeadline(deadline); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	config := t.config.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = hostOf(addr)
	}
	conn := tls.Client(netpoll.Wrap(nc), config)
	if err := shake(ctx, conn, config); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t.hs.Conn(conn), nil
}

// hostOf returns addr without the port. It keeps the brackets of an IPv6 address, like
// the library.
func hostOf(addr string) string {
	for i := len(addr) - 1; i >= 0 && addr[i] != ']'; i-- {
		if addr[i] == ':' {
			return addr[:i]
		}
	}
	return addr
}

func shake(ctx context.Context, conn *tls.Conn, config *tls.Config) error {
	hooks := httptrace.ContextClientTrace(ctx)
	if hooks != nil && hooks.TLSHandshakeStart != nil {
		hooks.TLSHandshakeStart()
	}
	err := conn.HandshakeContext(ctx)
	if err == nil && !config.InsecureSkipVerify {
		err = conn.VerifyHostname(config.ServerName)
	}
	if hooks != nil && hooks.TLSHandshakeDone != nil {
		hooks.TLSHandshakeDone(conn.ConnectionState(), err)
	}
	return err
}

// through dials addr through the proxy with the library's code. The library passes its
// connection to GotConn before it writes a request. The connection is taken over there.
func (t *transport) through(ctx context.Context, network, addr string) (net.Conn, error) {
	var taken *taking
	d := websocket.Dialer{
		Proxy: http.ProxyURL(t.proxy),
		NetDialContext: func(_ context.Context, network, addr string) (net.Conn, error) {
			nc, err := t.dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &taking{Conn: nc}, nil
		},
	}
	hooks := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
		if c, ok := i.Conn.(*taking); ok {
			c.taken.Store(true)
			taken = c
		}
	}}
	_, _, err := d.DialContext(httptrace.WithClientTrace(untraced{ctx}, hooks), "ws://"+addr, nil) //nolint:contextcheck // untraced is ctx without one value
	if taken != nil {
		return taken.Conn, nil
	}
	return nil, err
}

var errTaken = errors.New("gorillaws: the connection was taken")

// taking is a conn that the library uses until it is taken over.
type taking struct {
	net.Conn
	taken atomic.Bool
}

func (c *taking) Write(p []byte) (int, error) {
	if c.taken.Load() {
		return 0, errTaken
	}
	return c.Conn.Write(p)
}

func (c *taking) Close() error {
	if c.taken.Load() {
		return nil
	}
	return c.Conn.Close()
}

// untraced is a context without its httptrace.ClientTrace.
type untraced struct{ context.Context }

func (c untraced) Value(key any) any {
	v := c.Context.Value(key)
	if _, ok := v.(*httptrace.ClientTrace); ok {
		return nil
	}
	return v
}
