package session_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
)

// authority makes certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{pool: x509.NewCertPool()}
	a.cert, a.key = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *authority) leaf(t *testing.T) tls.Certificate {
	t.Helper()
	cert, key := a.sign(t, &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// tlsPair is a connection over TLS between a server that sends late and its client.
type tlsPair struct {
	client, server *recorder
}

type tlsSetup struct {
	listen  func(net.Listener) net.Listener // around the listener below TLS
	version uint16
	auth    tls.ClientAuthType
	cert    bool // of the client
	proxy   bool
	slow    bool // the client's first bytes come one by one
	wrap    func(http.Handler) http.Handler
}

// connectTLS serves one connection, in which both sides park in a read.
func connectTLS(t *testing.T, lib library, s tlsSetup) tlsPair {
	t.Helper()
	ca := newAuthority(t)
	p := tlsPair{newRecorder(t), newRecorder(t)}
	h := lib.handler("late", func(ctx context.Context, c conn) error {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
		for deadline := time.Now().Add(30 * time.Second); !p.client.parked(!s.slow) && time.Now().Before(deadline); {
			runtime.Gosched()
		}
		return c.Write(ctx, messageText, []byte("late"))
	}, p.server.option())
	if s.wrap != nil {
		h = s.wrap(h)
	}
	l, base := listen(t)
	if s.listen != nil {
		l = s.listen(l)
	}
	srv := &http.Server{
		Handler: h, ErrorLog: log.New(io.Discard, "", 0),
		TLSConfig: &tls.Config{
			Certificates: []tls.Certificate{ca.leaf(t)}, MaxVersion: s.version,
			ClientAuth: s.auth, ClientCAs: ca.pool,
		},
	}
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	config := &tls.Config{RootCAs: ca.pool}
	if s.cert {
		config.Certificates = []tls.Certificate{ca.leaf(t)}
	}
	transport := &http.Transport{TLSClientConfig: config}
	if s.slow {
		transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return &slow{Conn: nc, left: 3000}, err
		}
	}
	if s.proxy {
		transport.Proxy = http.ProxyURL(proxy(t))
	}
	c, _, err := lib.traced.dial(t.Context(), strings.Replace(base, "ws:", "wss:", 1),
		options{client: &http.Client{Transport: transport}}, p.client.option())
	if err != nil {
		t.Fatal(err)
	}
	until(t, "the server is parked", func() bool { return p.server.parked(s.listen != nil) })
	timer := time.NewTimer(20 * ms) // long enough for a timed read to begin below
	<-timer.C
	if err := c.Write(t.Context(), messageText, []byte("now")); err != nil {
		t.Error(err)
	}
	if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "late" {
		t.Errorf("got %q, %v", msg, err)
	}
	_, _, _ = c.Read(t.Context())
	_ = c.CloseNow()
	wantEnd(t, p.server, "late", 1)
	wantEnded(t, p.client)
	wantEnded(t, p.server)
	return p
}

// parked reports whether the connection whose handshake r recorded has a read that is
// parked or, if it is not exact, has begun.
func (r *recorder) parked(exact bool) bool {
	ids := map[string]bool{}
	for _, s := range r.Chain().Named(semconv.SpanHandshake) {
		ids[s.Str(semconv.WebSocketConnectionIDKey)] = true
	}
	return slices.ContainsFunc(live.Snapshot().Connections, func(c live.Connection) bool {
		return ids[c.ID] && c.Reader != nil && c.Reader.Inside && (!exact || c.Reader.Reason == string(semconv.ReasonNetRead))
	})
}

// slow writes its first bytes one by one.
type slow struct {
	net.Conn
	left int
}

func (c *slow) Write(p []byte) (n int, err error) {
	for ; n < len(p) && c.left > 0 && err == nil; c.left-- {
		_, err = c.Conn.Write(p[n : n+1])
		n++
	}
	if err != nil || n == len(p) {
		return n, err
	}
	m, err := c.Conn.Write(p[n:])
	return n + m, err
}

func (r *recorder) steps(t *testing.T) (names []string) {
	t.Helper()
	handshake := tracetest.One(t, r.Chain(), semconv.SpanHandshake)
	var steps []*chain.Span
	for _, s := range r.Chain().Spans {
		if s.ParentID == handshake.SpanID && !s.IsGoroutine() &&
			s.Name != semconv.SpanRead && s.Name != semconv.SpanWrite && s.Name != semconv.SpanClose {
			steps = append(steps, s)
			if s.Start.Before(handshake.Start) || s.End.After(handshake.End) {
				t.Errorf("%s lies outside of its handshake", s.Name)
			}
		}
	}
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return names
}

func (r *recorder) sources() (sources []string) {
	for _, s := range r.Chain().Named(semconv.SpanBlock) {
		if source := s.Str(semconv.BlockSourceKey); source != "" && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return sources
}

// With the listener below TLS, blocks are exact and the steps are recorded. Without it,
// the server's blocks are timed.
func TestTLS(t *testing.T) {
	all := []string{semconv.StepTLS, semconv.StepReadHTTPRequest, semconv.StepProcessRequest, semconv.StepWriteHTTPResponse}
	late := []string{semconv.StepProcessRequest, semconv.StepWriteHTTPResponse}
	for _, test := range []struct {
		name   string
		setup  tlsSetup
		steps  []string // of the server
		source semconv.Source
	}{
		{"1.3", tlsSetup{listen: wsconn.NewListener}, all, semconv.SourcePoll},
		{"1.2", tlsSetup{listen: wsconn.NewListener, version: tls.VersionTLS12}, all, semconv.SourcePoll},
		{
			"1.3, client certificate",
			tlsSetup{listen: wsconn.NewListener, auth: tls.RequireAndVerifyClientCert, cert: true},
			all, semconv.SourcePoll,
		},
		{
			"1.3, no certificate to the request for one",
			tlsSetup{listen: wsconn.NewListener, auth: tls.RequestClientCert},
			all, semconv.SourcePoll,
		},
		{"proxy", tlsSetup{listen: wsconn.NewListener, proxy: true}, all, semconv.SourcePoll},
		{"1.2, byte by byte", tlsSetup{listen: wsconn.NewListener, version: tls.VersionTLS12, slow: true}, all, semconv.SourcePoll},
		{"1.3, byte by byte", tlsSetup{listen: wsconn.NewListener, slow: true}, all, semconv.SourcePoll},
		{"no listener", tlsSetup{}, late, semconv.SourceTimed},
		{
			"span of a middleware",
			tlsSetup{listen: wsconn.NewListener, wrap: func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					ctx, span := sdktrace.NewTracerProvider().Tracer("middleware").Start(r.Context(), "GET")
					defer span.End()
					h.ServeHTTP(w, r.WithContext(ctx))
				})
			}},
			late, semconv.SourcePoll,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				p := connectTLS(t, lib, test.setup)
				if got := p.server.steps(t); !slices.Equal(got, test.steps) {
					t.Errorf("server's steps: got %q, want %q", got, test.steps)
				}
				want := []string{semconv.StepConnect, semconv.StepTLS, semconv.StepWriteHTTPRequest, semconv.StepReadHTTPResponse}
				if got := p.client.steps(t); !slices.Equal(got, want) {
					t.Errorf("client's steps: got %q, want %q", got, want)
				}
				if got, want := p.server.sources(), []string{string(test.source)}; !slices.Equal(got, want) {
					t.Errorf("server's blocks: got sources %q, want %q", got, want)
				}
				if got, want := p.client.sources(), []string{string(semconv.SourcePoll)}; !test.setup.slow && !slices.Equal(got, want) {
					t.Errorf("client's blocks: got sources %q, want %q", got, want)
				}
			})
		})
	}
}

// A listener that does TLS above or below.
func TestTLSListener(t *testing.T) {
	for name, wrap := range map[string]func(net.Listener, *tls.Config) net.Listener{
		"above": func(l net.Listener, c *tls.Config) net.Listener { return tls.NewListener(wsconn.NewListener(l), c) },
		"below": func(l net.Listener, c *tls.Config) net.Listener { return wsconn.NewListener(tls.NewListener(l, c)) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				ca := newAuthority(t)
				l, base := listen(t)
				serve(t, wrap(l, &tls.Config{Certificates: []tls.Certificate{ca.leaf(t)}}), echo(t, lib))
				client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool}}}
				c, _, err := lib.traced.dial(t.Context(), strings.Replace(base, "ws:", "wss:", 1), options{client: client})
				if err != nil {
					t.Fatal(err)
				}
				wantEcho(t, c)
			})
		})
	}
}

// Without TLS the request's bytes are seen too, and only this request's.
func TestListener(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		mux := http.NewServeMux()
		mux.Handle("/ws", lib.handler("hello", func(ctx context.Context, c conn) error {
			return c.Write(ctx, messageText, []byte("hello"))
		}, rec.option()))
		mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		serve(t, wsconn.NewListener(l), mux)
		nc, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = nc.Close() }()
		r := bufio.NewReader(nc)
		const pause = 200 * ms // in the midst of a request: much longer than the server takes to read what is there
		ask := func(path, more string) *http.Response {
			begin := time.Now()
			_, _ = io.WriteString(nc, "GET "+path+" HTTP/1.1\r\nHost: unix\r\n")
			timer := time.NewTimer(pause)
			<-timer.C
			_, _ = io.WriteString(nc, more+"\r\n")
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4))
			if took := time.Since(begin); took < pause {
				t.Errorf("%s took %v", path, took)
			}
			return resp
		}
		ask("/page", "")
		between := time.Now()
		resp := ask("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n")
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("got status %d", resp.StatusCode)
		}
		_ = nc.Close()
		wantEnd(t, rec, "hello", 1)
		want := []string{semconv.StepReadHTTPRequest, semconv.StepProcessRequest, semconv.StepWriteHTTPResponse}
		if got := rec.steps(t); !slices.Equal(got, want) {
			t.Errorf("got steps %q, want %q", got, want)
		}
		s := tracetest.One(t, rec.Chain(), semconv.StepReadHTTPRequest)
		if got := s.End.Sub(s.Start); got < pause/2 {
			t.Errorf("the request took %v to come in, want %v", got, pause)
		}
		if s.Start.Before(between) {
			t.Error("the request begins with the one before it")
		}
		wantEnded(t, rec)
	})
}

// http.Server.Shutdown does not close a connection that was handed over.
func TestShutdown(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		l, url := listen(t)
		srv := &http.Server{Handler: lib.handler("echo", func(ctx context.Context, c conn) error {
			typ, msg, err := c.Read(ctx)
			if err != nil {
				return err
			}
			return c.Write(ctx, typ, msg)
		}, rec.option())}
		served := make(chan error, 1)
		go func() { served <- srv.Serve(wsconn.NewListener(l)) }()
		c, _, err := lib.traced.dial(t.Context(), url, options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
		wantEcho(t, c)
		wantEnd(t, rec, "echo", 1)
		wantEnded(t, rec)
	})
}
