package netpoll

import (
	"crypto/tls"
	"net"
)

// listener is a net.Listener whose conns are Conns.
type listener struct{ net.Listener }

// NewListener returns a listener that accepts from l and wraps each conn in a
// [Conn]. It belongs below TLS: tls.NewListener(netpoll.NewListener(l), config),
// or http.Server.ServeTLS. A *tls.Conn that l accepts is returned as it is, since
// net/http recognises it by its type.
func NewListener(l net.Listener) net.Listener { return listener{l} }

// Accept waits for the next connection.
func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return wrap(nc), nil
}

// wrap is Wrap for conns of net/http, which recognises HTTP/2 by the type *tls.Conn.
func wrap(nc net.Conn) net.Conn {
	if c, ok := nc.(*tls.Conn); ok {
		return c
	}
	return Wrap(nc)
}
