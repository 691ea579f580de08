package otlp_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/lean/otlp"
)

// set sets environment variables. Their names begin with OTEL_EXPORTER_OTLP_.
func set(t *testing.T, vars map[string]string) {
	for name, v := range vars {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, v)
	}
}

// requested returns the request of an export with this environment.
func requested(t *testing.T, vars map[string]string, opts ...otlp.Option) (got *http.Request) {
	t.Helper()
	set(t, vars)
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		got = r
		return answer(r, 200, nil), nil
	})
	e := newExporter(t, append(opts, otlp.WithHTTPClient(&http.Client{Transport: transport}))...)
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		vars map[string]string
		opts []otlp.Option
		want string
	}{
		{nil, nil, "http://localhost:4318/v1/traces"},
		{map[string]string{"ENDPOINT": "https://c:1"}, nil, "https://c:1/v1/traces"},
		{map[string]string{"ENDPOINT": " https://c:1/ "}, nil, "https://c:1/v1/traces"},
		{map[string]string{"ENDPOINT": "https://c/under/?k=v"}, nil, "https://c/under/v1/traces?k=v"},
		{map[string]string{"ENDPOINT": "https://c", "TRACES_ENDPOINT": "http://d/as/is"}, nil, "http://d/as/is"},
		{map[string]string{"ENDPOINT": "https://c", "TRACES_ENDPOINT": "http://d"}, nil, "http://d/"},
		{map[string]string{"ENDPOINT": "https://c", "TRACES_ENDPOINT": ""}, nil, "https://c/v1/traces"},
		{map[string]string{"ENDPOINT": "https://c", "TRACES_ENDPOINT": "https://d"}, []otlp.Option{otlp.WithEndpointURL("http://e:4318")}, "http://e:4318/"},
		{map[string]string{"ENDPOINT": "https://c", "INSECURE": "true", "TRACES_INSECURE": "true"}, nil, "https://c/v1/traces"},
		{map[string]string{"ENDPOINT": "http://c", "INSECURE": "false", "TRACES_PROTOCOL": "http/protobuf", "PROTOCOL": "grpc"}, nil, "http://c/v1/traces"},
	} {
		t.Run(c.want, func(t *testing.T) {
			u := requested(t, c.vars, c.opts...).URL
			if got := u.Scheme + "://" + u.Host + u.RequestURI(); got != c.want {
				t.Errorf("%v: got %s, want %s", c.vars, got, c.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	errs := handled(t)
	h := requested(t, map[string]string{
		"HEADERS":        "general=1",
		"TRACES_HEADERS": "api-key=a%20b%2Cc%3D, x-tenant = t ,, user-agent=mine,Content-Type=no",
	}).Header
	for key, want := range map[string]string{"Api-Key": "a b,c=", "X-Tenant": "t", "General": "", "User-Agent": "mine", "Content-Type": asProtobuf} {
		if got := h.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if got := errs(); len(got) > 0 {
		t.Errorf("otel.Handle got %v", got)
	}
	h = requested(t, nil, otlp.WithHeaders(map[string]string{"Other": "2"})).Header
	if h.Get("Api-Key") != "" || h.Get("Other") != "2" {
		t.Errorf("got %v, want the headers of the option alone", h)
	}
	h = requested(t, map[string]string{"TRACES_HEADERS": "", "HEADERS": "no, pair=x,b ad=1,worse=%zz,line=%0a,good=1"}).Header
	if h.Get("Good") != "1" || h.Get("Pair") != "x" || h.Get("Worse") != "" || h.Get("Line") != "" {
		t.Errorf("got %v", h)
	}
	if got := fmt.Sprint(errs()); len(errs()) != 4 || !strings.Contains(got, "OTEL_EXPORTER_OTLP_HEADERS") || strings.Contains(got, "%zz") {
		t.Errorf("otel.Handle got %v, want 4 errors without values", got)
	}
}

func TestCompressionAndTimeout(t *testing.T) {
	errs := handled(t)
	for _, c := range []struct {
		vars    map[string]string
		opts    []otlp.Option
		gzip    bool
		timeout time.Duration
		errs    int
	}{
		{nil, nil, false, 10 * time.Second, 0},
		{map[string]string{"COMPRESSION": "gzip", "TIMEOUT": "3000"}, nil, true, 3 * time.Second, 0},
		{map[string]string{"COMPRESSION": "gzip", "TRACES_COMPRESSION": "none", "TIMEOUT": "1", "TRACES_TIMEOUT": "5000"}, nil, false, 5 * time.Second, 0},
		{map[string]string{"COMPRESSION": "zstd", "TIMEOUT": "soon"}, nil, false, 10 * time.Second, 2},
		{map[string]string{"TIMEOUT": "-1"}, nil, false, 10 * time.Second, 1},
		{map[string]string{"COMPRESSION": "gzip", "TIMEOUT": "1"}, []otlp.Option{otlp.WithCompression(otlp.NoCompression), otlp.WithTimeout(time.Hour)}, false, time.Hour, 0},
	} {
		t.Run(fmt.Sprint(c.vars), func(t *testing.T) {
			before := len(errs())
			r := requested(t, c.vars, c.opts...)
			if got := r.Header.Get("Content-Encoding") == "gzip"; got != c.gzip {
				t.Errorf("gzip: %v, want %v", got, c.gzip)
			}
			end, _ := r.Context().Deadline()
			if left := time.Until(end); left > c.timeout || left < c.timeout-c.timeout/2 {
				t.Errorf("it may take %v more, want up to %v", left, c.timeout)
			}
			if n := len(errs()) - before; n != c.errs {
				t.Errorf("otel.Handle got %d errors, want %d: %v", n, c.errs, errs())
			}
		})
	}
}

// A setting that cannot be followed is an error, so that it is not silently ignored.
func TestWrongSettings(t *testing.T) {
	no := filepath.Join(t.TempDir(), "no.pem")
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		vars map[string]string
		opts []otlp.Option
		want string
	}{
		{map[string]string{"PROTOCOL": "grpc"}, nil, "OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\", but this exporter supports only http/protobuf"},
		{map[string]string{"PROTOCOL": "http/protobuf", "TRACES_PROTOCOL": "http/json"}, nil, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL is \"http/json\""},
		{map[string]string{"ENDPOINT": "localhost:4318"}, nil, "OTEL_EXPORTER_OTLP_ENDPOINT is \"localhost:4318\": it must begin with http:// or https://"},
		{map[string]string{"TRACES_ENDPOINT": "unix:///x"}, nil, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is"},
		{map[string]string{"ENDPOINT": "http://"}, nil, "and a host"},
		{map[string]string{"ENDPOINT": "https://user:secret@h\x7f/"}, nil, "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL: net/url: invalid control character in URL"},
		{nil, []otlp.Option{otlp.WithEndpointURL("collector")}, "WithEndpointURL is \"collector\""},
		{map[string]string{"CERTIFICATE": no, "ENDPOINT": "https://c"}, nil, "OTEL_EXPORTER_OTLP_CERTIFICATE: open"},
		{map[string]string{"TRACES_CERTIFICATE": empty, "ENDPOINT": "https://c"}, nil, "contains no PEM certificate"},
		{map[string]string{"CLIENT_CERTIFICATE": empty, "ENDPOINT": "https://c"}, nil, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is set alone"},
		{map[string]string{"CLIENT_KEY": empty, "ENDPOINT": "https://c"}, nil, "OTEL_EXPORTER_OTLP_CLIENT_KEY is set alone"},
		{map[string]string{"CLIENT_CERTIFICATE": empty, "TRACES_CLIENT_KEY": empty, "ENDPOINT": "https://c"}, nil, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: tls:"},
		{nil, []otlp.Option{otlp.WithTLSClientConfig(&tls.Config{})}, "certificates are set, but http://localhost:4318/v1/traces does not use TLS"},
		{nil, []otlp.Option{otlp.WithHeaders(map[string]string{"a b": "secret"})}, "\"a b\" or its value is not a valid header"},
		{nil, []otlp.Option{otlp.WithHeaders(map[string]string{"a": "sec\nret"})}, "\"a\" or its value"},
	} {
		t.Run(c.want, func(t *testing.T) {
			set(t, c.vars)
			_, err := otlp.NewExporter(context.Background(), c.opts...)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// authority issues certificates, as files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) string {
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// issue writes a certificate and its key for 127.0.0.1.
func (a *authority) issue(name string) (cert, key string) {
	own := a.newKey()
	a.n++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + a.n), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"example.com"},
		IPAddresses: loopback, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "EC PRIVATE KEY", keyDER)
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// A server asks for a client's certificate, which the environment's files or the option
// provide. A server that is not trusted is not tried again.
func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue("server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	var peers []string
	var conns atomic.Int64 // one for each try
	count := func(s *server) {
		s.Server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				conns.Add(1)
			}
		}
	}
	srv := unstarted(nil)
	count(srv)
	srv.Server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}
	inner := srv.Server.Config.Handler
	srv.Server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peers = append(peers, r.TLS.PeerCertificates[0].Subject.CommonName)
		inner.ServeHTTP(w, r)
	})
	srv.Server.Config.ErrorLog = silent
	srv.StartTLS()
	t.Cleanup(srv.Close)
	cert, key = ca.issue("client")
	other, otherKey := ca.issue("other")
	export := func(opts ...otlp.Option) error {
		return newExporter(t, opts...).ExportSpans(t.Context(), spans(1, "a"))
	}
	url := strings.Replace(srv.URL, "http:", "https:", 1)
	t.Run("environment", func(t *testing.T) {
		set(t, map[string]string{
			"ENDPOINT": url, "CERTIFICATE": filepath.Join(ca.dir, "ca.pem"), "CLIENT_CERTIFICATE": other, "CLIENT_KEY": otherKey,
			"TRACES_CLIENT_CERTIFICATE": cert, "TRACES_CLIENT_KEY": key,
		})
		if err := export(); err != nil {
			t.Error(err)
		}
	})
	t.Run("option", func(t *testing.T) {
		mine, err := tls.LoadX509KeyPair(other, otherKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := export(otlp.WithEndpointURL(url), otlp.WithTLSClientConfig(&tls.Config{RootCAs: ca.pool(), Certificates: []tls.Certificate{mine}})); err != nil {
			t.Error(err)
		}
	})
	t.Run("not trusted", func(t *testing.T) {
		before := conns.Load()
		if err := export(otlp.WithEndpointURL(url)); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("got %v", err)
		}
		if n := conns.Load() - before; n != 1 {
			t.Errorf("got %d tries, want 1", n)
		}
		// The server refuses after the handshake and closes, and the client may see the
		// close first.
		if err := export(otlp.WithEndpointURL(url), otlp.WithTLSClientConfig(&tls.Config{RootCAs: ca.pool()}), otlp.WithRetry(otlp.RetryConfig{})); err == nil {
			t.Error("no error without a certificate of the client's")
		}
	})
	t.Run("plain", func(t *testing.T) {
		plain := unstarted(nil)
		count(plain)
		plain.Start()
		t.Cleanup(plain.Close)
		before := conns.Load()
		if err := export(otlp.WithEndpointURL(strings.Replace(plain.URL, "http:", "https:", 1))); !errors.Is(err, http.ErrSchemeMismatch) {
			t.Errorf("got %v", err)
		}
		if n := conns.Load() - before; n != 1 {
			t.Errorf("got %d tries, want 1", n)
		}
	})
	if got := fmt.Sprint(peers); got != "[client other]" {
		t.Errorf("got requests by %s, want [client other]", got)
	}
}

func TestProxy(t *testing.T) {
	proxy := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL("http://collector.invalid/v1/traces"), otlp.WithProxy(func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }))
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err != nil {
		t.Fatal(err)
	}
	if got := proxy.one(t).path; got != "POST http://collector.invalid/v1/traces" {
		t.Errorf("the proxy got %s", got)
	}
}
