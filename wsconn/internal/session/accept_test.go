package session_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// Both sides of a handshake are one trace, with the steps in order.
func TestHandshake(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{tcp: true, options: options{subprotocols: []string{"wake"}, compression: 1}})
		client, server := tracetest.One(t, p.clientSpans.Chain(), semconv.SpanHandshake), tracetest.One(t, p.serverSpans.Chain(), semconv.SpanHandshake)
		if server.ParentID != client.SpanID || server.TraceID != client.TraceID {
			t.Errorf("the server's parent: got %v, want %v", server.ParentID, client.SpanID)
		}
		tracetest.AssertTree(t, p.clientSpans.Chain(), `
			handshake {status_code=101, subprotocol=wake, extensions=permessage-deflate}
				connect
				write_http_request
				read_http_response
		`, exactly...)
		tracetest.AssertTree(t, p.serverSpans.Chain(), `
			handshake {status_code=101, subprotocol=wake, extensions=permessage-deflate}
				process_request
				write_http_response
		`, exactly...)
		if got, want := client.Kind, oteltrace.SpanKindClient; got != want {
			t.Errorf("client: got kind %v, want %v", got, want)
		}
		if got, want := server.Kind, oteltrace.SpanKindServer; got != want {
			t.Errorf("server: got kind %v, want %v", got, want)
		}
		if p.client.Subprotocol() != "wake" || p.server.Subprotocol() != "wake" {
			t.Error("the subprotocol was not negotiated")
		}
		for _, r := range []*recorder{p.clientSpans, p.serverSpans} {
			handshake := tracetest.One(t, r.Chain(), semconv.SpanHandshake)
			for _, s := range r.Chain().Spans {
				if s.Start.Before(handshake.Start) || s.End.After(handshake.End) {
					t.Errorf("%s lies outside of its handshake", s.Name)
				}
			}
			wantEnded(t, r)
		}
	})
}

// Baggage is propagated. A span in the request's context is the parent before one in the
// headers.
func TestAcceptParent(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		client, server := newRecorder(t), newRecorder(t)
		contexts := make(chan string, 1)
		h := lib.handler("work", func(ctx context.Context, _ conn) error {
			carrier := propagation.MapCarrier{}
			propagation.Baggage{}.Inject(ctx, carrier)
			contexts <- carrier.Get("baggage")
			return nil
		}, server.option())
		l, url := listen(t)
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, op := trace.Start(server.context(r.Context()), "middleware")
			defer op.End(nil)
			h.ServeHTTP(w, r.WithContext(ctx))
		}))
		ctx := propagation.Baggage{}.Extract(t.Context(), propagation.MapCarrier{"baggage": "user=ada"})
		c, _, err := lib.traced.dial(ctx, url, options{}, client.option())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		if got := <-contexts; got != "user=ada" {
			t.Errorf("baggage: got %q", got)
		}
		_, _, _ = c.Read(t.Context())
		wantEnd(t, server, "middleware", 1)
		if got, want := tracetest.One(t, server.Chain(), semconv.SpanHandshake).ParentID, tracetest.One(t, server.Chain(), "middleware").SpanID; got != want {
			t.Errorf("parent: got %v, want the middleware's %v", got, want)
		}
	})
}

// A refused handshake names the check that refused, and answers as the bare
// library does.
func TestAcceptRefused(t *testing.T) {
	request := func(change func(r *http.Request)) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/chat", nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Sec-WebSocket-Version", "13")
		r.Header.Set("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		change(r)
		return r
	}
	for _, test := range []struct {
		check  string
		change func(r *http.Request)
	}{
		{"http_version", func(r *http.Request) { r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/1.0", 1, 0 }},
		{"connection", func(r *http.Request) { r.Header.Set("Connection", "close") }},
		{"upgrade", func(r *http.Request) { r.Header.Set("Upgrade", "h2c") }},
		{"method", func(r *http.Request) { r.Method = http.MethodPost }},
		{"sec-websocket-version", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") }},
		{"sec-websocket-key", func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") }},
		{"sec-websocket-key", func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") }},
		{"sec-websocket-key", func(r *http.Request) { r.Header.Add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==") }},
		{"origin", func(r *http.Request) { r.Header.Set("Origin", "https://elsewhere.example") }},
		{"hijack", func(*http.Request) {}}, // ResponseRecorder cannot hijack
	} {
		t.Run(test.check, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				rec := newRecorder(t)
				want, got := httptest.NewRecorder(), httptest.NewRecorder()
				_, wantErr := lib.bare.accept(want, request(test.change), options{})
				_, gotErr := lib.traced.accept(got, request(test.change), options{}, rec.option())
				if gotErr == nil || gotErr.Error() != wantErr.Error() {
					t.Errorf("got error %v, want %v", gotErr, wantErr)
				}
				if got.Code != want.Code || got.Body.String() != want.Body.String() {
					t.Errorf("got %d %q, want %d %q", got.Code, got.Body, want.Code, want.Body)
				}
				s := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
				if got := s.Str(semconv.WebSocketHandshakeCheckKey); got != test.check {
					t.Errorf("got check %q, want %q", got, test.check)
				}
				if got, want := s.Str(semconv.ErrorTypeKey), s.Str(semconv.HTTPResponseStatusCodeKey); got != want || got == "" {
					t.Errorf("got error.type %q, want the status %q", got, want)
				}
				wantEnded(t, rec)
			})
		})
	}
}

// Writers as the frameworks wrap them.
type (
	// chi's and others': the Hijacker is found through Unwrap alone.
	unwrapper struct{ inner http.ResponseWriter }

	// echo's: Unwrap, and a Hijack of its own.
	echoWriter struct{ unwrapper }

	// gin's: it writes the header when asked, or with the body.
	ginWriter struct {
		http.ResponseWriter
		status int
	}
)

func (w unwrapper) Header() http.Header         { return w.inner.Header() }
func (w unwrapper) Write(p []byte) (int, error) { return w.inner.Write(p) }
func (w unwrapper) WriteHeader(status int)      { w.inner.WriteHeader(status) }
func (w unwrapper) Unwrap() http.ResponseWriter { return w.inner }

func (w echoWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.inner).Hijack()
}

func (w *ginWriter) WriteHeader(status int) { w.status = status }

func (w *ginWriter) WriteHeaderNow() {
	if w.status != 0 {
		w.ResponseWriter.WriteHeader(w.status)
		w.status = 0
	}
}

func (w *ginWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

func TestAcceptWrappedWriter(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"chi":         func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{w} },
		"echo":        func(w http.ResponseWriter) http.ResponseWriter { return echoWriter{unwrapper{w}} },
		"gin":         func(w http.ResponseWriter) http.ResponseWriter { return &ginWriter{ResponseWriter: w} },
		"gin in chi":  func(w http.ResponseWriter) http.ResponseWriter { return unwrapper{&ginWriter{ResponseWriter: w}} },
		"chi in echo": func(w http.ResponseWriter) http.ResponseWriter { return echoWriter{unwrapper{unwrapper{w}}} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				for sampled, rec := range map[bool]*recorder{true: newRecorder(t), false: offs(t)["unsampled"]} {
					s := setup{}
					h := lib.handler("hello", func(ctx context.Context, c conn) error {
						return c.Write(ctx, messageText, []byte("hello"))
					}, rec.option())
					url := dialable(t, &s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						h.ServeHTTP(wrap(w), r)
					}))
					c, _, err := lib.bare.dial(t.Context(), url, s.options)
					if err != nil {
						t.Fatalf("sampled %v: %v", sampled, err)
					}
					if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "hello" {
						t.Errorf("sampled %v: got %q, %v", sampled, msg, err)
					}
					_, _, _ = c.Read(t.Context())
					_ = c.CloseNow()
					if got := len(rec.Chain().Named(semconv.SpanWrite)) == 1; got != sampled {
						t.Errorf("sampled %v: got a write %v", sampled, got)
					}
				}
			})
		})
	}
}

// failing is a writer whose Hijack fails.
type failing struct{ http.ResponseWriter }

var errNoConn = errors.New("no connection")

func (failing) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errNoConn }

func TestAcceptHijackFails(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for k, v := range map[string]string{
			"Connection": "Upgrade", "Upgrade": "websocket",
			"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
		} {
			r.Header.Set(k, v)
		}
		_, err := lib.traced.accept(failing{httptest.NewRecorder()}, r, options{}, rec.option())
		if !errors.Is(err, errNoConn) {
			t.Errorf("got %v, want %v", err, errNoConn)
		}
		s := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
		if got, want := s.Str(semconv.WebSocketHandshakeCheckKey), "hijack"; got != want {
			t.Errorf("got check %q, want %q", got, want)
		}
		if got := s.Str(semconv.WebSocketConnectionIDKey); got != "" {
			t.Errorf("got a connection id %q", got)
		}
		wantEnded(t, rec)
	})
}

// Propagators other than the default.
func TestPropagators(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{
			tcp:    true,
			client: []wsconn.Option{wsconn.WithPropagators(propagation.Baggage{}), wsconn.WithPropagators(nil)},
		})
		if got, other := tracetest.One(t, p.serverSpans.Chain(), semconv.SpanHandshake).SpanContext().TraceID(), tracetest.One(t, p.clientSpans.Chain(), semconv.SpanHandshake).SpanContext().TraceID(); got == other {
			t.Error("the trace traveled without trace context")
		}
	})
}

// A text that the peer chooses is cut, so that a span stays small.
func TestLongTexts(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		l, url := listen(t)
		rec := newRecorder(t)
		o := options{subprotocols: []string{strings.Repeat("p", 5000)}}
		serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.Host = strings.Repeat("h", 5000) // as a client may say
			if c, err := lib.traced.accept(w, r, o, rec.option()); err == nil {
				_ = c.CloseNow()
			}
		}))
		c, _, err := lib.traced.dial(t.Context(), url+"/"+strings.Repeat("ü", 5000), o, rec.option())
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
		wantEnd(t, rec, semconv.SpanHandshake, 2)
		for _, s := range rec.Chain().Named(semconv.SpanHandshake) {
			cut := 0
			for _, a := range s.Attributes {
				text := a.Value.String()
				if len(text) > 1024 || !utf8.ValidString(text) {
					t.Errorf("%s: got %d bytes: …%q", a.Key, len(text), text[max(0, len(text)-10):])
				}
				if len(text) > 1000 && strings.HasSuffix(text, "…") {
					cut++
				}
			}
			if want := map[string]int{"client": 2, "server": 3}[s.Str(semconv.WebSocketRoleKey)]; cut != want {
				t.Errorf("the %s's: got %d that were cut, want %d", s.Str(semconv.WebSocketRoleKey), cut, want)
			}
		}
	})
}
