package query_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/query"
)

// answering is a server that gives the same few answers to all requests, in turn.
type answering struct {
	t       *testing.T
	answers [][]byte
	n       int
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.n++; a.n > 1000 {
		a.t.Fatalf("it has asked 1000 times, the last time for %s", r.URL)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(bytes.NewReader(a.answers[a.n%len(a.answers)]))}, nil
}

// FuzzAnswers gives the reader any answers of a server. It must always end.
func FuzzAnswers(f *testing.F) {
	for _, in := range [][2]string{
		{`{"data":["a","b"]}`, `{"data":[{"traceID":"0af7651916cd43dd8448eb211c80319c","spans":[{"traceID":"0af7651916cd43dd8448eb211c80319c","spanID":"b7ad6b7169203331","operationName":"a","startTime":1,"duration":1,"processID":"p"}],"processes":{"p":{"serviceName":"s"}}}]}`},
		{`{"traces":[{"traceID":"af7651916cd43dd8448eb211c80319c","startTimeUnixNano":"1700000000000000000"},{"traceID":"1","startTimeUnixNano":"-1"}]}`, `{"batches":[]}`},
		{`{"errors":[{"msg":"\u001b[2J"}]}`, `{"error":{"message":"no"}}`},
		{`null`, `[]`},
		{``, `{`},
		{`{"data":null}`, `{"traces":[{}]}`},
	} {
		f.Add([]byte(in[0]), []byte(in[1]))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		for _, kind := range []query.Kind{query.Jaeger, query.Tempo} {
			for _, q := range []query.Query{{Service: "s", Limit: 3, Since: time.Hour}, {Trace: "0af7651916cd43dd8448eb211c80319c"}} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				var into chain.Collection
				report, err := query.Read(ctx, &into, "http://server.example", q, query.WithKind(kind), query.WithClient(&http.Client{Transport: &answering{t: t, answers: [][]byte{one, other}}}))
				if ctx.Err() != nil {
					t.Error("it takes 10 s")
				}
				cancel()
				if report.Spans != into.Len() {
					t.Errorf("got %d spans, and says %d", into.Len(), report.Spans)
				}
				if err != nil && strings.ContainsAny(err.Error(), "\x1b\x00") {
					t.Errorf("an error with control characters: %q", err)
				}
				_ = into.Chain().String()
			}
		}
	})
}
