package session

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// check is one condition of RFC 6455 §4 on a handshake.
type check struct {
	name string
	ok   bool
}

func firstFailed(checks []check, otherwise string) string {
	for _, c := range checks {
		if !c.ok {
			return c.name
		}
	}
	return otherwise
}

// serverCheck names the check by which a server refused r with status: that of
// RFC 6455 §4.2.1 which fails first, in the order in which both libraries look.
func serverCheck(r *http.Request, status int) string {
	if status == http.StatusForbidden { // before the key or after it
		return "origin"
	}
	keys := r.Header.Values("Sec-WebSocket-Key")
	return firstFailed([]check{
		{"http_version", r.ProtoAtLeast(1, 1)},
		{"connection", hasToken(r.Header, "Connection", "Upgrade")},
		{"upgrade", hasToken(r.Header, "Upgrade", "websocket")},
		{"method", r.Method == http.MethodGet},
		{"sec-websocket-version", r.Header.Get("Sec-WebSocket-Version") == "13"},
		{"sec-websocket-key", len(keys) == 1 && validKey(keys[0])},
	}, "hijack")
}

func validKey(key string) bool {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(key))
	return err == nil && len(b) == 16
}

// clientCheck names the check of RFC 6455 §4.1 by which a client refused the
// server's answer.
func clientCheck(req *http.Request, resp *http.Response) string {
	return firstFailed([]check{
		{"status", resp.StatusCode == http.StatusSwitchingProtocols},
		{"connection", hasToken(resp.Header, "Connection", "Upgrade")},
		{"upgrade", hasToken(resp.Header, "Upgrade", "websocket")},
		{"sec-websocket-accept", resp.Header.Get("Sec-WebSocket-Accept") == acceptKey(req.Header.Get("Sec-WebSocket-Key"))},
		{"sec-websocket-protocol", offered(req.Header, resp.Header.Get("Sec-WebSocket-Protocol"))},
	}, "sec-websocket-extensions")
}

func offered(h http.Header, subprotocol string) bool {
	return subprotocol == "" || hasToken(h, "Sec-WebSocket-Protocol", subprotocol)
}

// acceptKey answers a key as RFC 6455 §4.2.2 has it.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func hasToken(h http.Header, key, token string) bool {
	for _, v := range h.Values(key) {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// refusal is the error.type of a refused handshake: the status that says so,
// or else the error's.
func refusal(status int, err error) string {
	if status >= 400 {
		return strconv.Itoa(status)
	}
	if typ := trace.ErrorType(err); typ != "" {
		return typ
	}
	return semconv.ErrorUnexpectedEOF
}

// handshakeAttributes are what both sides know at the end of a handshake.
func handshakeAttributes(s *Session, status int, h http.Header, err error) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 8)
	if status != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCodeKey.Int(status))
	}
	if sc := s.handshake.SpanContext(); err == nil && sc.IsValid() {
		attrs = append(attrs, semconv.WebSocketConnectionIDKey.String(sc.SpanID().String()))
	}
	if status == http.StatusSwitchingProtocols {
		if v := h.Get("Sec-WebSocket-Protocol"); v != "" {
			attrs = append(attrs, semconv.WebSocketSubprotocolKey.String(limited(v)))
		}
		if v := h.Get("Sec-WebSocket-Extensions"); v != "" {
			attrs = append(attrs, semconv.WebSocketExtensionsKey.String(limited(v)))
		}
	}
	return attrs
}

const (
	roleClient = "client"
	roleServer = "server"
)

var protocolName = semconv.NetworkProtocolNameKey.String("websocket")

// beginSpan begins the span of a handshake, nil where nothing is recorded. whole says that
// the recorder of a test wants all there is.
func beginSpan(ctx context.Context, t *trace.Tracer, name string, start time.Time, opts ...oteltrace.SpanStartOption) (_ context.Context, span oteltrace.Span, whole bool) {
	tracer := core.Of(t)
	if !tracer.Records(ctx) {
		return ctx, nil, false
	}
	var w core.Whole
	ctx, span = tracer.Span(w.Context(ctx), name, start, opts...)
	return ctx, span, w.Wanted()
}

// named is the name of a span of the kind: with what tells it from others, if there is
// something.
func spanName(kind, what string) string {
	if what == "" {
		return kind
	}
	return kind + " " + what
}

// route is the path of a pattern of [http.ServeMux], as http.route has it.
func route(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}

// requestAttributes are what a server knows at the start of a handshake over
// nc, nil where the connection was not handed over.
func requestAttributes(r *http.Request, nc net.Conn) []attribute.KeyValue {
	scheme := "ws"
	if r.TLS != nil {
		scheme = "wss"
	}
	attrs := append(make([]attribute.KeyValue, 0, 11), protocolName,
		semconv.WebSocketRoleKey.String(roleServer),
		semconv.URLSchemeKey.String(scheme))
	if r.URL != nil { // which a request has that net/http made
		attrs = append(attrs, semconv.URLPathKey.String(limited(r.URL.Path)))
	}
	if route := route(r.Pattern); route != "" {
		attrs = append(attrs, semconv.HTTPRouteKey.String(route))
	}
	attrs = appendHostPort(attrs, semconv.ServerAddressKey, semconv.ServerPortKey, limited(r.Host))
	if nc != nil {
		return appendAddresses(attrs, nc.RemoteAddr(), nc.LocalAddr())
	}
	attrs = appendHostPort(attrs, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey, r.RemoteAddr)
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return appendAddresses(attrs, nil, local)
}

// appendAddresses are the two ends of a connection. They are the conn's own: a
// middleware may have put another address into a request.
func appendAddresses(attrs []attribute.KeyValue, peer, local net.Addr) []attribute.KeyValue {
	if peer != nil {
		attrs = appendHostPort(attrs, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey, peer.String())
	}
	if local != nil {
		attrs = appendHostPort(attrs, semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey, local.String())
	}
	return attrs
}

// urlAttributes are what a client knows at the start of a handshake. A query
// may hold a secret, as user information does, and is left out.
func urlAttributes(rawURL string) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 8), protocolName, semconv.WebSocketRoleKey.String(roleClient))
	u, err := url.Parse(rawURL)
	if err != nil {
		return attrs
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	attrs = append(attrs, semconv.URLFullKey.String(limited(u.String())))
	return appendHostPort(attrs, semconv.ServerAddressKey, semconv.ServerPortKey, u.Host)
}

// maxText is the most that an attribute keeps of a text that the peer chooses, in bytes.
const maxText = 1 << 10

// limited cuts a longer text at the end of a character, and marks that with "…".
func limited(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

func appendHostPort(attrs []attribute.KeyValue, address, port attribute.Key, hostport string) []attribute.KeyValue {
	host, p, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if host != "" {
		attrs = append(attrs, address.String(host))
	}
	if n, err := strconv.Atoi(p); err == nil {
		attrs = append(attrs, port.Int(n))
	}
	return attrs
}
