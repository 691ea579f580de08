package otlp_test

import (
	"compress/gzip"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean/otlp"
)

func TestMain(m *testing.M) {
	for _, v := range os.Environ() { // the tests set what they need
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// request is a request that a server received.
type request struct {
	path   string
	header http.Header
	body   []byte // decompressed
}

// server is a real server on loopback.
type server struct {
	*httptest.Server
	mu  sync.Mutex
	got []request
}

// newServer returns a server whose answer to the n-th request, from 0 on, is answer's; nil
// means success.
func newServer(t *testing.T, answer func(w http.ResponseWriter, n int)) *server {
	t.Helper()
	s := unstarted(answer)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func unstarted(answer func(w http.ResponseWriter, n int)) *server {
	s := new(server)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = z
		}
		b, err := io.ReadAll(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		n := len(s.got)
		s.got = append(s.got, request{r.Method + " " + r.RequestURI, r.Header, b})
		s.mu.Unlock()
		if answer != nil {
			answer(w, n)
		}
	}))
	return s
}

func (s *server) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.got...)
}

// one returns the request, and fails unless there was exactly one.
func (s *server) one(t *testing.T) request {
	t.Helper()
	got := s.requests()
	if len(got) != 1 {
		t.Fatalf("got %d requests, want 1", len(got))
	}
	return got[0]
}

// newExporter returns an exporter that is shut down when the test ends.
func newExporter(t testing.TB, opts ...otlp.Option) *otlp.Exporter {
	t.Helper()
	e, err := otlp.NewExporter(context.Background(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return e
}

// spans returns n spans with this name.
func spans(n int, name string) []sdktrace.ReadOnlySpan {
	stubs := make(tracetest.SpanStubs, n)
	for i := range stubs {
		stubs[i] = tracetest.SpanStub{Name: name, Resource: resource.Empty()}
	}
	return stubs.Snapshots()
}

// handled returns a function that returns the errors of otel.Handle so far.
func handled(t *testing.T) func() []error {
	t.Helper()
	var mu sync.Mutex
	var errs []error
	before := otel.GetErrorHandler()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	}))
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	return func() []error {
		mu.Lock()
		defer mu.Unlock()
		return errs
	}
}

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return f(r)
}

// answer returns a response with this status.
func answer(r *http.Request, status int, header http.Header) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: http.NoBody, Request: r,
	}
}

var (
	loopback = []net.IP{net.IPv4(127, 0, 0, 1)}
	silent   = log.New(io.Discard, "", 0)
)
