package session

import (
	"context"
	"net"
	"net/http"
	"reflect"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/wakechain/wakechain/trace/netpoll"
)

// observable returns a copy of t that dials through netpoll, below TLS. Each dial gets
// a new copy, which follows changes to t. The copy keeps no idle connections, since
// nothing would close them. [http.Transport.Clone] does not copy registered protocols.
func observable(t *http.Transport) *http.Transport {
	registered := protocols(t)
	t = t.Clone()
	for scheme, rt := range registered {
		if scheme != "https" { // no handshake uses it, and Clone makes its own
			t.RegisterProtocol(scheme, rt)
		}
	}
	t.MaxIdleConnsPerHost = -1
	switch {
	case t.DialContext != nil:
		t.DialContext = netpoll.WrapDialer(t.DialContext)
	case t.Dial != nil: //nolint:staticcheck // deprecated, and still honoured by http.Transport
		dial := t.Dial //nolint:staticcheck // as above
		t.DialContext = netpoll.WrapDialer(func(_ context.Context, network, addr string) (net.Conn, error) {
			return dial(network, addr)
		})
	default:
		t.DialContext = netpoll.WrapDialer(nil)
	}
	return t
}

// protocols returns the protocols of t's RegisterProtocol, by scheme. The map must not
// be changed. net/http has no accessor, so this reads the unexported field; it returns
// nil if net/http has no such field.
func protocols(t *http.Transport) map[string]http.RoundTripper {
	offset, ok := protocolsField()
	if !ok {
		return nil
	}
	kept := (*atomic.Value)(unsafe.Add(unsafe.Pointer(t), offset))
	m, _ := kept.Load().(map[string]http.RoundTripper)
	return m
}

var protocolsField = sync.OnceValues(func() (offset uintptr, ok bool) {
	f, ok := reflect.TypeFor[http.Transport]().FieldByName("altProto")
	return f.Offset, ok && f.Type == reflect.TypeFor[atomic.Value]()
})
