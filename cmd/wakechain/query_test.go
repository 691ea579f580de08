package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

const traceID = "0af7651916cd43dd8448eb211c80319c"

// backend is a Jaeger or a Tempo with one trace: that of the scenario refused, of the
// service socket_get.
func backend(t *testing.T, tempo bool) string {
	t.Helper()
	spans, err := os.ReadFile(scenario("refused"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if tempo {
		mux.HandleFunc("GET /api/echo", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "echo") })
		mux.HandleFunc("GET /api/search", func(w http.ResponseWriter, r *http.Request) {
			if !strings.Contains(r.URL.Query().Encode(), "socket_get") {
				fmt.Fprint(w, `{"traces":[]}`)
				return
			}
			fmt.Fprintf(w, `{"traces":[{"traceID":%q,"startTimeUnixNano":"1"}]}`, traceID)
		})
		mux.HandleFunc("GET /api/v2/traces/"+traceID, func(w http.ResponseWriter, _ *http.Request) {
			first, _, _ := strings.Cut(string(spans), "\n")
			fmt.Fprintf(w, `{"trace":%s}`, strings.Replace(first, "resourceSpans", "batches", 1))
		})
	} else {
		mux.HandleFunc("GET /api/services", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"data":["socket_get"]}`) })
		mux.HandleFunc("GET /api/traces", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("service") != "socket_get" {
				fmt.Fprint(w, `{"data":[]}`)
				return
			}
			fmt.Fprintf(w, `{"data":[{"traceID":%[1]q,"spans":[{"traceID":%[1]q,"spanID":"1","operationName":"old","startTime":1,"duration":2,"processID":"p"}],"processes":{"p":{"serviceName":"socket_get"}}}]}`, traceID)
		})
		mux.HandleFunc("GET /api/v3/traces/"+traceID, func(w http.ResponseWriter, _ *http.Request) {
			for line := range strings.Lines(string(spans)) {
				fmt.Fprintf(w, `{"result":%s}`, strings.TrimSpace(line))
			}
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestBackends(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a trace", []string{"-trace", traceID}, 0, "403"},
		{"the latest of a service", []string{"-service", "socket_get"}, 0, "403"},
		{"with more to it", []string{"-service", "socket_get", "-operation", "x", "-tag", "a=b", "-since", "2h", "-traces", "3"}, 0, "403"},
		{"no trace", []string{"-trace", "abc"}, 1, "404"},
		{"no service", []string{"-service", "none"}, 1, "no trace"},
		{"a tag that is none", []string{"-tag", "a"}, 2, "it is key=value"},
		{"no number of traces", []string{"-traces", "0"}, 2, "more than 0"},
	} {
		for name, tempo := range map[string]bool{"Jaeger": false, "Tempo": true} {
			t.Run(name+" "+tt.name, func(t *testing.T) {
				at := backend(t, tempo)
				r := wakechain(t, nil, append([]string{"tree", at}, tt.args...)...)
				if r.code != tt.code {
					t.Errorf("exit code %d, want %d", r.code, tt.code)
				}
				if got := r.stdout + r.stderr; !strings.Contains(got, tt.want) {
					t.Errorf("got\n%swant %q in it", got, tt.want)
				}
				if n := strings.Count(r.stderr, "\n"); n > 1 || strings.Count(r.stderr, at) > 1 {
					t.Errorf("%d lines of errors, want one that names the server once: %s", n, r.stderr)
				}
			})
		}
	}
}
