package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/receiver"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestEcho(t *testing.T) {
	backend := receiver.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", backend.URL)
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), nil, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit code %d, want 0; stderr: %s", code, &stderr)
	}
	if !strings.HasSuffix(stdout.String(), "\nhello\n") {
		t.Errorf("stdout %q, want the echo", &stdout)
	}
	check(t, backend.Chain())
}

// check holds that the spans of both sides are one trace.
func check(t *testing.T, c *chain.Chain) {
	t.Helper()
	if len(c.Roots) != 1 || c.Roots[0].Name != "hello" {
		t.Errorf("roots %v, want hello alone:\n%s", c.Roots, c)
	}
	for name, n := range map[string]int{
		"hello": 1, "echo": 1,
		semconv.SpanHandshake: 2, semconv.SpanWrite: 2, semconv.SpanClose: 2,
	} {
		if got := len(c.Named(name)); got != n {
			t.Errorf("%d spans %s, want %d:\n%s", got, name, n, c)
		}
	}
	for s := range c.All() {
		if s.Service != "echo" || s.Orphan() || s.Failed() {
			t.Errorf("%v: service %q, orphan %t, failed %t", s, s.Service, s.Orphan(), s.Failed())
		}
	}
}

func TestEachSideAlone(t *testing.T) {
	backend := receiver.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", backend.URL)
	ctx, interrupt := context.WithCancel(t.Context())
	server := &announced{url: make(chan string, 1)}
	var client, stderr bytes.Buffer
	served := make(chan int)
	go func() { served <- run(ctx, []string{"-serve", "127.0.0.1:0"}, server, &stderr) }()
	if code := run(t.Context(), []string{"-connect", <-server.url}, &client, &stderr); code != 0 {
		t.Errorf("client: exit code %d, want 0", code)
	}
	interrupt()
	if code := <-served; code != 0 {
		t.Errorf("server: exit code %d, want 0", code)
	}
	if client.String() != "hello\n" || stderr.Len() > 0 {
		t.Errorf("the client prints %q, want the echo; stderr: %s", &client, &stderr)
	}
}

// announced is the output of a server; it passes on the URL that is printed first.
type announced struct{ url chan string }

func (a *announced) Write(p []byte) (int, error) {
	_, url, _ := strings.Cut(string(p), "listens on ")
	a.url <- strings.TrimSpace(url)
	return len(p), nil
}

func TestFaults(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	t.Setenv("OTEL_TRACES_EXPORTER", "none")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-nope"}, 2, "-nope"},
		{"help", []string{"-help"}, 0, "-connect"},
		{"address in use", []string{"-serve", busy.Addr().String()}, 1, "address already in use"},
		{"no server", []string{"-connect", "ws://127.0.0.1:1"}, 1, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := stderr.String(); !strings.Contains(got, tt.want) {
				t.Errorf("stderr %q, want %q", got, tt.want)
			}
		})
	}
}
