package gobwasws

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/gobwas/ws"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Dial is ws.Dialer.Dial: it performs a WebSocket handshake on url, with the span
// handshake.
func Dial(ctx context.Context, d ws.Dialer, url string, options ...Option) (*Conn, ws.Handshake, error) {
	ctx, h := session.BeginDial(ctx, library, url, nil, session.NewConfig(options))
	d.Header = headers{d.Header, ws.HandshakeHeaderHTTP(h.Header())}
	if !h.Off() {
		d.NetDial = netpoll.WrapDialer(d.NetDial)
		wrap := d.WrapConn
		d.WrapConn = func(nc net.Conn) net.Conn { // above TLS
			if wrap != nil {
				nc = wrap(nc)
			}
			return h.Conn(nc)
		}
	}
	nc, br, hs, err := d.Dial(ctx, url)
	if br != nil { // a wire ends a read at the end of the response, so it never has one
		nc = buffered{nc, br}
	}
	s := h.End(answer(hs, err), err)
	if err != nil {
		return nil, hs, err
	}
	return &Conn{nc: nc, session: s, state: ws.StateClientSide}, hs, nil
}

// buffered is a connection from which the library has read more than the response.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (c buffered) Read(p []byte) (int, error) { return c.r.Read(p) }

// answer returns a response like the server's, since the library returns none; nil if
// the error states no status.
func answer(hs ws.Handshake, err error) *http.Response {
	status := ws.StatusError(http.StatusSwitchingProtocols)
	if err != nil && !errors.As(err, &status) {
		return nil
	}
	resp := &http.Response{StatusCode: int(status), Header: http.Header{}}
	if hs.Protocol != "" {
		resp.Header.Set("Sec-WebSocket-Protocol", hs.Protocol)
	}
	return resp
}

// headers are the program's headers and this package's.
type headers []ws.HandshakeHeader

func (h headers) WriteTo(w io.Writer) (n int64, err error) {
	for _, one := range h {
		if one == nil {
			continue
		}
		m, err := one.WriteTo(w)
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
