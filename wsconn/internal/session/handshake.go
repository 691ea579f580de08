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

// serverCheck returns the name of the check because of which a server refused r with
// status: the first of RFC 6455 §4.2.1 that fails, in the libraries' order.
func serverCheck(r *http.Request, status int) string {
	if status == http.StatusForbidden { // the libraries check it at different points
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

// clientCheck returns the name of the check of RFC 6455 §4.1 because of which a client
// refused the server's response.
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

// acceptKey returns the Sec-WebSocket-Accept of a key (RFC 6455 §4.2.2).
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

// refusal returns the error.type of a refused handshake: the status if it is an error,
// else that of err or, if err has none, that of an unexpected end.
func refusal(status int, err error) string {
	if status >= 400 {
		return strconv.Itoa(status)
	}
	if typ := trace.ErrorType(err); typ != "" {
		return typ
	}
	return semconv.ErrorUnexpectedEOF
}

// handshakeAttributes returns the attributes that both sides set at the end of a
// handshake.
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

// beginSpan begins the span of a handshake; nil if nothing is recorded. whole reports
// whether the spans go to a test's recorder, which wants one for each message.
func beginSpan(ctx context.Context, t *trace.Tracer, name string, start time.Time, opts ...oteltrace.SpanStartOption) (_ context.Context, span oteltrace.Span, whole bool) {
	tracer := core.Of(t)
	if !tracer.Records(ctx) {
		return ctx, nil, false
	}
	var w core.Whole
	ctx, span = tracer.Span(w.Context(ctx), name, start, opts...)
	return ctx, span, w.Wanted()
}

// spanName returns the name of a span: its kind, and what distinguishes it, if anything
// does.
func spanName(kind, what string) string {
	if what == "" {
		return kind
	}
	return kind + " " + what
}

// route returns the http.route of a pattern of [http.ServeMux]: its path.
func route(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}

// requestAttributes returns a server's attributes at the beginning of a handshake over
// nc; nil: the connection was not hijacked.
func requestAttributes(r *http.Request, nc net.Conn) []attribute.KeyValue {
	scheme := "ws"
	if r.TLS != nil {
		scheme = "wss"
	}
	attrs := append(make([]attribute.KeyValue, 0, 11), protocolName,
		semconv.WebSocketRoleKey.String(roleServer),
		semconv.URLSchemeKey.String(scheme))
	if r.URL != nil { // it has one if net/http made the request
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

// appendAddresses appends the addresses of both ends, from the connection: a middleware
// may have replaced those of a request.
func appendAddresses(attrs []attribute.KeyValue, peer, local net.Addr) []attribute.KeyValue {
	if peer != nil {
		attrs = appendHostPort(attrs, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey, peer.String())
	}
	if local != nil {
		attrs = appendHostPort(attrs, semconv.NetworkLocalAddressKey, semconv.NetworkLocalPortKey, local.String())
	}
	return attrs
}

// urlAttributes returns a client's attributes at the start of a handshake. They include
// neither user information nor the query, which may hold a secret.
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

// maxText is the maximum length of an attribute with text from the peer, in bytes.
const maxText = 1 << 10

// limited shortens text to maxText bytes at a character boundary, and marks that with
// "…".
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
