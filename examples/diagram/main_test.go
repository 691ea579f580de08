package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	spans, err := os.ReadFile(scenario("refused"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  []string
		stdin string
		want  string
	}{
		{"text of a file", []string{scenario("refused")}, "", "403 · refused: origin"},
		{"standard input", nil, string(spans), "403 · refused: origin"},
		{"standard input by name", []string{"-format", "plantuml", "-"}, string(spans), "@startuml"},
		{"several files", []string{"-format", "js", scenario("refused"), scenario("lock")}, "", "carol"},
		{"a file being written", []string{"-"}, string(spans) + `{"resourceSpans":[`, "403 · refused: origin"},
		{"services", []string{"-by", "service", scenario("lock")}, "", "go alice"},
		{"what blocked", []string{"-blocked", "70ms", "-time", "linear", scenario("lock")}, "", "lock · blocked 80.9 ms"},
		{"a title", []string{"-format", "mermaid", "-title", "why", scenario("lock")}, "", "title why"},
		{"a filter", []string{"-only-goroutine", "bob", "-unfold", "-from", "10ms", "-rows", "100", "-width", "60", scenario("lock")}, "", "bob"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, strings.NewReader(tt.stdin), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
				t.Fatalf("exit code %d, stderr %q", code, &stderr)
			}
			if !strings.Contains(stdout.String(), tt.want) {
				t.Errorf("got\n%swant %q in it", &stdout, tt.want)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	full := filepath.Join(t.TempDir(), "no", "folder.svg")
	for _, tt := range []struct {
		name  string
		args  []string
		stdin string
		code  int
		want  string
	}{
		{"unknown flag", []string{"-nope"}, "", 2, "flag provided but not defined: -nope"},
		{"format", []string{"-format", "gif"}, "", 2, `no format "gif"`},
		{"extension", []string{"-o", "x.gif"}, "", 2, `".gif"`},
		{"time", []string{"-time", "fast"}, "", 2, `not "fast"`},
		{"by", []string{"-by", "thread"}, "", 2, `not "thread"`},
		{"rows", []string{"-rows", "-1"}, "", 2, "not negative"},
		{"trace without jaeger", []string{"-trace", "1"}, "", 2, "need -jaeger"},
		{"jaeger without trace", []string{"-jaeger", "http://x"}, "", 2, "-trace ID or -service NAME"},
		{"jaeger and both", []string{"-jaeger", "http://x", "-trace", "1", "-service", "x"}, "", 2, "-trace ID or -service NAME"},
		{"jaeger and a file", []string{"-jaeger", "http://x", "-trace", "1", "f"}, "", 2, "not from both"},
		{"jaeger's URL", []string{"-jaeger", "localhost:1", "-trace", "1"}, "", 2, "http://localhost:16686"},
		{"no file", []string{"no/such/file"}, "", 1, "no/such/file"},
		{"a folder", []string{"testdata"}, "", 1, "diagram: testdata is a folder, not a file of OTLP/JSON\n"},
		{"a filter that hides all", []string{"-only-service", "nope", scenario("lock")}, "", 1, "spans, which are of workshop"},
		{"no JSON", nil, "spans, please", 1, "standard input"},
		{"no spans", nil, "{}", 1, "there are no spans"},
		{"nothing", nil, "", 1, "there are no spans"},
		{"no folder", []string{"-o", full, scenario("lock")}, "", 1, "no such file"},
		{"no Jaeger", []string{"-jaeger", down.URL, "-trace", "1"}, "", 1, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, strings.NewReader(tt.stdin), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := stderr.String(); !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", got, tt.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout %q, want nothing", &stdout)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, nil, &stdout, &stderr); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(stdout.String(), "-jaeger") {
		t.Errorf("stdout %q, want the flags", &stdout)
	}
}

// jaegerStub answers as Jaeger does: its newer API only where it has one.
func jaegerStub(t *testing.T, raw bool) string {
	t.Helper()
	spans, err := os.ReadFile(scenario("refused"))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/traces", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("service") {
		case "socket_get":
			fmt.Fprint(w, `{"data":[{"traceID":"abc","spans":[],"processes":{}}]}`)
		default:
			fmt.Fprint(w, `{"data":[]}`)
		}
	})
	mux.HandleFunc("GET /api/v3/traces/abc", func(w http.ResponseWriter, r *http.Request) {
		if !raw || r.URL.Query().Get("raw_traces") != "true" {
			http.NotFound(w, r)
			return
		}
		for line := range strings.Lines(string(spans)) {
			fmt.Fprintf(w, `{"result":%s}`, strings.TrimSpace(line))
		}
	})
	mux.HandleFunc("GET /api/traces/abc", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"data":[{"traceID":"abc","spans":[{"traceID":"abc","spanID":"1","operationName":"old","startTime":1,"duration":2,"processID":"p"}],"processes":{"p":{"serviceName":"shop"}}}]}`)
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestJaeger(t *testing.T) {
	for _, tt := range []struct {
		name string
		raw  bool
		args []string
		code int
		want string
	}{
		{"the newer API", true, []string{"-trace", "abc"}, 0, "refused: origin"},
		{"the latest of a service", true, []string{"-service", "socket_get"}, 0, "refused: origin"},
		{"the older API", false, []string{"-trace", "abc"}, 0, "old · 2 µs"},
		{"no trace", true, []string{"-trace", "none"}, 1, "404"},
		{"no service", true, []string{"-service", "none"}, 1, `no trace of the service "none"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"-jaeger", jaegerStub(t, tt.raw)}, tt.args...), nil, &stdout, &stderr)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := stdout.String() + stderr.String(); !strings.Contains(got, tt.want) {
				t.Errorf("got\n%swant %q in it", got, tt.want)
			}
			if n := strings.Count(stderr.String(), "\n"); n > 1 {
				t.Errorf("%d lines of errors, want one: %s", n, &stderr)
			}
		})
	}
}
