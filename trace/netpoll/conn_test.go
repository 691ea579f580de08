package netpoll_test

import (
	"net"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/net/nettest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
)

func TestConn(t *testing.T) {
	tp := sdktrace.NewTracerProvider()
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, nil, err
		}
		ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
		d, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return nil, nil, nil, err
		}
		a, err := l.Accept()
		if err != nil {
			return nil, nil, nil, err
		}
		wrap := func(nc net.Conn) net.Conn {
			c := netpoll.Wrap(nc)
			_, r := trace.Start(ctx, "read")
			_, w := trace.Start(ctx, "write")
			c.ObserveRead(r)
			c.ObserveWrite(w)
			return c
		}
		return wrap(d), wrap(a), func() { d.Close(); a.Close(); l.Close() }, nil
	})
}
