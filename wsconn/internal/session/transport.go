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

// observable returns a copy of t that dials through netpoll, below TLS. A copy
// for each dial follows changes to t; and it keeps no idle connection, which
// nobody could close. [http.Transport.Clone] leaves registered protocols behind.
func observable(t *http.Transport) *http.Transport {
	registered := protocols(t)
	t = t.Clone()
	for scheme, rt := range registered {
		if scheme != "https" { // which no handshake uses, and a clone makes its own of
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

// protocols returns what was registered with t's RegisterProtocol, by scheme. The
// map is not to be changed. net/http tells nobody, so this looks at the field that
// keeps it; with a net/http that has no such field it returns nil.
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
