package netpoll

import (
	"context"
	"net"
)

// DialContext is the type of http.Transport's field of that name.
type DialContext func(ctx context.Context, network, address string) (net.Conn, error)

// WrapDialer returns a function that dials as dial does, or as a zero net.Dialer does if
// dial is nil, and wraps the conn in a [Conn]. A *tls.Conn is returned as it is, since
// net/http recognises it by its type.
func WrapDialer(dial DialContext) DialContext {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(nc), nil
	}
}
