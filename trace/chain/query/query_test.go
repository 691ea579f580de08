package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/query"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// traces returns n traces of one span each. The i-th is i seconds old.
func traces(n int) []chain.Span {
	spans := make([]chain.Span, n)
	for i := range spans {
		at := now.Add(-time.Duration(i) * time.Second)
		spans[i] = chain.Span{
			TraceID: oteltrace.TraceID{14: byte(i >> 8), 15: byte(i)}, SpanID: oteltrace.SpanID{7: 1}, Name: fmt.Sprint(i), Service: "svc",
			Start: at, End: at.Add(time.Millisecond),
		}
		spans[i].TraceID[0] = 1
	}
	return spans
}

// server answers as a Jaeger or a Tempo with spans, and records the requests.
type server struct {
	*httptest.Server
	spans []chain.Span
	asked []url.Values // the parameters of searches
	old   bool         // it lacks the newer APIs
	deaf  bool         // it ignores times
}

func serve(t *testing.T, kind query.Kind, spans []chain.Span) *server {
	t.Helper()
	s := &server{spans: spans}
	mux := http.NewServeMux()
	if kind == query.Jaeger {
		mux.HandleFunc("GET /api/services", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"data":["svc"]}`) })
		mux.HandleFunc("GET /api/traces", s.jaegerSearch)
		mux.HandleFunc("GET /api/v3/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
			s.trace(w, r, `{"result":%s}`, s.old, `{"error":{"httpCode":404,"message":"No traces found"}}`)
		})
		mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) {
			s.trace(w, r, `{"result":%s}`, false, `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`)
		})
	} else {
		mux.HandleFunc("GET /api/echo", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "echo") })
		mux.HandleFunc("GET /api/search", s.tempoSearch)
		mux.HandleFunc("GET /api/v2/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.trace(w, r, `{"trace":%s}`, s.old, "") })
		mux.HandleFunc("GET /api/traces/{id}", func(w http.ResponseWriter, r *http.Request) { s.trace(w, r, `%s`, false, "trace not found") })
	}
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s
}

func (s *server) trace(w http.ResponseWriter, r *http.Request, wrap string, unknown bool, notFound string) {
	var of []chain.Span
	for _, sp := range s.spans {
		if sp.TraceID.String() == r.PathValue("id") && !unknown {
			of = append(of, sp)
		}
	}
	if len(of) == 0 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, notFound)
		return
	}
	var b strings.Builder
	_ = chain.WriteOTLP(&b, of)
	fmt.Fprintf(w, wrap, strings.TrimSpace(b.String()))
}

// between returns the latest spans between two times, at most as many as limit says.
func (s *server) between(from, until time.Time, limit string) []chain.Span {
	n, _ := strconv.Atoi(limit)
	var of []chain.Span
	for _, sp := range s.spans {
		if len(of) < n && (s.deaf || !sp.Start.Before(from) && !sp.Start.After(until)) {
			of = append(of, sp)
		}
	}
	return of
}

func (s *server) jaegerSearch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.asked = append(s.asked, q)
	micros := func(key string) time.Time {
		us, _ := strconv.ParseInt(q.Get(key), 10, 64)
		return time.UnixMicro(us)
	}
	var all []any
	for _, sp := range s.between(micros("start"), micros("end"), q.Get("limit")) {
		all = append(all, map[string]any{
			"traceID": sp.TraceID.String(),
			"spans": []any{map[string]any{
				"traceID": sp.TraceID.String(), "spanID": sp.SpanID.String(), "operationName": sp.Name,
				"startTime": sp.Start.UnixMicro(), "duration": 1000, "processID": "p",
			}},
			"processes": map[string]any{"p": map[string]any{"serviceName": sp.Service}},
		})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": all})
}

func (s *server) tempoSearch(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	s.asked = append(s.asked, q)
	seconds := func(key string) time.Time {
		n, _ := strconv.ParseInt(q.Get(key), 10, 64)
		return time.Unix(n, 0)
	}
	all := []any{}
	for _, sp := range s.between(seconds("start"), seconds("end"), q.Get("limit")) {
		all = append(all, map[string]any{"traceID": sp.TraceID.String(), "startTimeUnixNano": fmt.Sprint(sp.Start.UnixNano())})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"traces": all, "metrics": map[string]any{}})
}

// ask returns the names of the spans that a query reads.
func ask(t *testing.T, base string, q query.Query, opts ...query.Option) (string, query.Report, error) {
	t.Helper()
	var spans chain.Collection
	report, err := query.Read(t.Context(), &spans, base, q, opts...)
	var names []string
	for _, s := range spans.Spans() {
		names = append(names, s.Name)
		if s.Service != "svc" {
			t.Errorf("service %q", s.Service)
		}
	}
	if report.Spans != len(names) {
		t.Errorf("%d spans, report %+v", len(names), report)
	}
	return strings.Join(names, " "), report, err
}

func numbers(from, to int) string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint(i))
	}
	return strings.Join(all, " ")
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, kind := range []query.Kind{query.Jaeger, query.Tempo} {
		for _, old := range []bool{false, true} {
			for _, tt := range []struct {
				name   string
				n      int
				q      query.Query
				want   string
				more   bool
				server func(*server)
			}{
				{"a trace", 3, query.Query{Trace: traces(2)[1].TraceID.String()}, "1", false, nil},
				{"a service", 3, query.Query{Service: "svc"}, "0 1 2", false, nil},
				{"any service", 3, query.Query{}, "0 1 2", false, nil},
				{"nothing", 0, query.Query{Service: "svc"}, "", false, nil},
				{"a time", 10, query.Query{Service: "svc", Since: 3 * time.Second}, "0 1 2 3", false, nil},
				{"a limit", 10, query.Query{Service: "svc", Limit: 4}, "0 1 2 3", true, nil},
				{"a limit that is just enough", 4, query.Query{Service: "svc", Limit: 4}, "0 1 2 3", false, nil},
				{"pages", 120, query.Query{Service: "svc", Limit: 200}, numbers(0, 119), false, nil},
				{"pages, up to a limit", 120, query.Query{Service: "svc"}, numbers(0, 99), true, nil},
				{"pages of a server that takes any", 120, query.Query{Service: "svc", Limit: 110}, numbers(0, 109), true, func(s *server) { slices.Reverse(s.spans) }},
				{"a server that is deaf to times", 70, query.Query{Service: "svc"}, numbers(0, 49), true, func(s *server) { s.deaf = true }},
			} {
				t.Run(fmt.Sprintf("%s/old=%v/%s", kind, old, tt.name), func(t *testing.T) {
					t.Parallel()
					s := serve(t, kind, traces(tt.n))
					if s.old = old; tt.server != nil {
						tt.server(s)
					}
					tt.q.Until = now
					var told []query.Report
					got, report, err := ask(t, s.URL+"/", tt.q, query.WithProgress(func(r query.Report) { told = append(told, r) }))
					if got != tt.want || err != nil || report.More != tt.more || report.Kind != kind || len(report.Warnings) > 0 {
						t.Errorf("got %q, %+v, %v, want %q", got, report, err, tt.want)
					}
					if n := len(strings.Fields(tt.want)); report.Traces != n || len(told) != n || n > 0 && told[n-1].Spans != n {
						t.Errorf("%d traces, told %+v", report.Traces, told)
					}
				})
			}
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	q := query.Query{
		Service: `a "b" \c`, Operation: "read", MinDuration: 1500 * time.Millisecond, Until: now, Since: time.Minute, Limit: 3,
		Tags: map[string]string{"websocket.connection.id": "7", "odd key": "x", "error": "true"},
	}
	s := serve(t, query.Jaeger, nil)
	if _, _, err := ask(t, s.URL, q); err != nil || len(s.asked) != 1 {
		t.Fatal(s.asked, err)
	}
	want := url.Values{
		"service": {`a "b" \c`}, "operation": {"read"}, "minDuration": {"1.5s"}, "limit": {"50"}, "start": {"1767322985000000"}, "end": {"1767323045000000"},
		"tags": {`{"error":"true","odd key":"x","websocket.connection.id":"7"}`},
	}
	if got := s.asked[0].Encode(); got != want.Encode() {
		t.Errorf("got %s, want %s", got, want.Encode())
	}
	s = serve(t, query.Tempo, nil)
	if _, _, err := ask(t, s.URL, q); err != nil || len(s.asked) != 1 {
		t.Fatal(s.asked, err)
	}
	want = url.Values{"limit": {"50"}, "start": {"1767322985"}, "end": {"1767323045"}, "q": {
		`{ resource.service.name = "a \"b\" \\c" && name = "read" && duration >= 1.5s && (.error = "true" || .error = true)` +
			` && ."odd key" = "x" && (.websocket.connection.id = "7" || .websocket.connection.id = 7) }`,
	}}
	if got := s.asked[0].Encode(); got != want.Encode() {
		t.Errorf("got %s, want %s", got, want.Encode())
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	s := serve(t, query.Jaeger, traces(3))
	id := traces(3)[2].TraceID.String()
	for _, page := range []string{"/trace/" + id, "/trace/" + id + "?uiFind=x#y"} {
		if got, _, err := ask(t, s.URL+page, query.Query{}); got != "2" || err != nil {
			t.Errorf("%s: got %q, %v", page, got, err)
		}
	}
	if got, _, err := ask(t, s.URL+"/search?service=x", query.Query{Until: now}); got != "0 1 2" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	var user, tenant string
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ = r.BasicAuth()
		tenant = r.Header.Get("X-Scope-OrgID")
		http.StripPrefix("/jaeger", s.Config.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	base := strings.Replace(front.URL, "://", "://me:secret@", 1) + "/jaeger"
	if got, _, err := ask(t, base, query.Query{Until: now}, query.WithHeader("X-Scope-OrgID", "us"), query.WithKind(query.Jaeger)); got != "0 1 2" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if user != "me" || tenant != "us" {
		t.Errorf("user %q, tenant %q", user, tenant)
	}
	if _, _, err := ask(t, base, query.Query{Trace: "12"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	down := httptest.NewServer(nil)
	down.Close()
	page := func(status int, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	for _, tt := range []struct {
		name, base string
		q          query.Query
		kind       query.Kind
		want       string
	}{
		{"no URL", "localhost:16686", query.Query{}, "", "a URL such as http://localhost:16686 expected"},
		{"no id", "http://localhost:1", query.Query{Trace: "x y"}, "", `"x y" is no id of a trace`},
		{"no server", down.URL, query.Query{}, "", "connection refused"},
		{"another server", page(200, "<html>"), query.Query{}, "", "is neither a Jaeger nor a Tempo"},
		{"no trace, Jaeger", serve(t, query.Jaeger, nil).URL, query.Query{Trace: "12"}, "", "404 Not Found: trace not found"},
		{"no trace, Tempo", serve(t, query.Tempo, nil).URL, query.Query{Trace: "12"}, "", "404 Not Found: trace not found"},
		{"a failure", page(500, "out of \x1b[31mmemory\nstack"), query.Query{Service: "x"}, query.Tempo, `500 Internal Server Error: out of \x1b[31mmemory`},
		{"no JSON", page(200, "spans"), query.Query{Service: "x"}, query.Tempo, "/api/search: invalid character"},
		{"an id that is none", page(200, `{"traces":[{"traceID":"../x","startTimeUnixNano":"1"}]}`), query.Query{Service: "x"}, query.Tempo, `"../x" is no id of a trace`},
		{"a time that is none", page(200, `{"traces":[{"traceID":"1","startTimeUnixNano":"x"}]}`), query.Query{Service: "x"}, query.Tempo, `"x" is no time`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ask(t, tt.base, tt.q, query.WithKind(tt.kind))
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("got %v, want one line with %q", err, tt.want)
			}
		})
	}
}

// A server that never answers, or stops in the middle of its answer, does not block the
// reader for ever.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // the kernel accepts connections, and nobody reads them
	halfway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(halfway.Close)
	for _, base := range []string{"http://" + l.Addr().String(), halfway.URL} {
		start := time.Now()
		_, _, err := ask(t, base, query.Query{}, query.WithSilence(50*time.Millisecond))
		if err == nil || err.Error() != "query: "+base+": no answer for 50 ms" {
			t.Errorf("got %v", err)
		}
		if d := time.Since(start); d < 50*time.Millisecond {
			t.Errorf("it gave up after %v", d)
		}
	}
}

func TestCanceled(t *testing.T) {
	t.Parallel()
	s := serve(t, query.Tempo, traces(10))
	ctx, cancel := context.WithCancel(t.Context())
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	var spans chain.Collection
	report, err := query.Read(ctx, &spans, s.URL, query.Query{Until: now}, query.WithClient(h), query.WithProgress(func(r query.Report) {
		if r.Traces == 3 {
			cancel()
		}
	}))
	if !errors.Is(err, context.Canceled) || report.Traces != 3 || spans.Len() != 3 {
		t.Errorf("got %d spans, %+v, %v", spans.Len(), report, err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"batches":[{"scopeSpans":[{"spans":[{"name":"a"},{"na`)
	}))
	t.Cleanup(s.Close)
	h := &http.Client{Transport: &http.Transport{}}
	defer h.CloseIdleConnections()
	var spans chain.Collection
	report, err := query.Read(t.Context(), &spans, s.URL, query.Query{Trace: "12"}, query.WithKind(query.Tempo), query.WithClient(h))
	if err != nil || spans.Len() != 1 || !slices.ContainsFunc(report.Warnings, func(w chain.Warning) bool {
		return w.CutOff && strings.HasPrefix(w.Text, "trace 12: cut off")
	}) {
		t.Errorf("got %d spans, %+v, %v", spans.Len(), report, err)
	}
}
