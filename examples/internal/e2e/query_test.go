package e2e_test

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/query"
)

// TestQuery sends a real Jaeger spans as OTLP/JSON, and asks for them again.
func TestQuery(t *testing.T) {
	j := newJaeger(t)
	j.start()
	const n = 130
	start := time.Now().Add(-time.Minute)
	resource := []attribute.KeyValue{attribute.String("service.name", "paging")}
	var sent []chain.Span
	for i := range n {
		at := start.Add(time.Duration(i) * 100 * time.Millisecond)
		root := chain.Span{
			TraceID: oteltrace.TraceID{0: 7, 15: byte(i + 1)}, SpanID: oteltrace.SpanID{7: 1}, Name: "root", Kind: oteltrace.SpanKindInternal,
			Service: "paging", Resource: resource, Scope: "lib", Start: at, End: at.Add(2001),
			Attributes: []attribute.KeyValue{attribute.Int("number", i), attribute.Bool("even", i%2 == 0)},
		}
		child := root
		child.SpanID, child.ParentID, child.Name, child.Attributes = oteltrace.SpanID{7: 2}, root.SpanID, "child", nil
		child.Links = []chain.Link{{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
			TraceID: oteltrace.TraceID{0: 7, 15: byte(i + 2)}, SpanID: oteltrace.SpanID{7: 1},
		})}}
		sent = append(sent, root, child)
	}
	var b bytes.Buffer
	if err := chain.WriteOTLP(&b, sent); err != nil {
		t.Fatal(err)
	}
	resp, err := http.Post("http://127.0.0.1:"+j.http+"/v1/traces", "application/json", &b)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	ask := func(q query.Query) ([]chain.Span, query.Report) {
		t.Helper()
		var spans chain.Collection
		report, err := query.Read(t.Context(), &spans, j.url(), q)
		if err != nil || report.Kind != query.Jaeger || len(report.Warnings) > 0 {
			t.Errorf("%+v: %+v, %v", q, report, err)
		}
		return spans.Spans(), report
	}
	got, report := ask(query.Query{Service: "paging", Limit: n})
	if report.Traces != n || report.More {
		t.Fatalf("%+v, want %d traces", report, n)
	}
	slices.SortFunc(got, func(a, b chain.Span) int {
		return slices.Compare(append(a.TraceID[:], a.SpanID[:]...), append(b.TraceID[:], b.SpanID[:]...))
	})
	for i := range sent {
		g, w := got[i], sent[i]
		if !g.Start.Equal(w.Start) || !g.End.Equal(w.End) {
			t.Errorf("from %v to %v, want %v to %v", g.Start, g.End, w.Start, w.End)
		}
		g.Start, g.End = w.Start, w.End
		if !reflect.DeepEqual(g, w) {
			t.Errorf("got\n%+v, want\n%+v", g, w)
		}
	}
	for name, tt := range map[string]struct {
		q      query.Query
		traces int
		more   bool
	}{
		"a limit":              {query.Query{Service: "paging", Limit: 45}, 45, true},
		"tags":                 {query.Query{Service: "paging", Limit: n, Tags: map[string]string{"even": "true"}}, n / 2, false},
		"an operation":         {query.Query{Service: "paging", Operation: "child", Limit: n}, n, false},
		"another operation":    {query.Query{Service: "paging", Operation: "nope"}, 0, false},
		"the last two seconds": {query.Query{Service: "paging", Since: 2 * time.Second, Until: sent[len(sent)-1].Start}, 21, false},
		"one":                  {query.Query{Trace: sent[0].TraceID.String()}, 1, false},
	} {
		if _, report := ask(tt.q); report.Traces != tt.traces || report.More != tt.more {
			t.Errorf("%s: %+v, want %d traces, more: %v", name, report, tt.traces, tt.more)
		}
	}
	var spans chain.Collection
	if _, err := query.Read(t.Context(), &spans, j.url(), query.Query{Trace: "12"}); err == nil {
		t.Error("a trace that is not there is no error")
	}
}
