// Package receiver receives the spans of a program in a test, like a backend.
package receiver

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/wakechain/wakechain/trace/chain"
)

// Receiver receives spans by OTLP over HTTP.
type Receiver struct {
	URL string // for OTEL_EXPORTER_OTLP_ENDPOINT

	mu    sync.Mutex
	spans []chain.Span
}

// New starts a Receiver that ends with the test.
func New(t *testing.T) *Receiver {
	t.Helper()
	r := &Receiver{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := r.take(req.Body); err != nil {
			t.Errorf("%s: %v", req.URL, err)
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(srv.Close)
	r.URL = srv.URL
	return r
}

func (r *Receiver) take(body io.Reader) error {
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	request := ptraceotlp.NewExportRequest()
	if err := request.UnmarshalProto(b); err != nil {
		return err
	}
	line, err := (&ptrace.JSONMarshaler{}).MarshalTraces(request.Traces())
	if err != nil {
		return err
	}
	spans, _, err := chain.Read(bytes.NewReader(line))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, spans...)
	return err
}

// Chain returns the chain of the spans received so far.
func (r *Receiver) Chain() *chain.Chain {
	r.mu.Lock()
	defer r.mu.Unlock()
	return chain.New(r.spans)
}
