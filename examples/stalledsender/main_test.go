package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// quick makes the client work for less than it does by default, and idle for
// long enough on any machine that the sender has stalled.
var quick = []string{"-work", "50ms", "-idle", "2s"}

func TestStall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "spans.json")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append(quick, "-spans", file), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d, want 0; stderr:\n%s", code, &stderr)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spans, _, err := chain.Read(f)
	if err != nil {
		t.Fatalf("read the spans: %v", err)
	}
	c := chain.New(spans)
	if len(c.Roots) != 1 || c.Roots[0].Name != "hello" {
		t.Errorf("roots %v, want hello alone: client and server are one trace", c.Roots)
	}
	for name, service := range map[string]string{"sen_data": "socket_start", "hello": "socket_get"} {
		if got := c.Named(name); len(got) != 1 || got[0].Service != service {
			t.Errorf("spans %s: %v, want one of %s", name, got, service)
		}
	}
	for _, r := range c.Named(semconv.SpanRead) {
		if len(r.Links) != 1 || r.Links[0].Span == nil || r.Links[0].Span.Name != semconv.SpanWrite || r.Links[0].Span.Service != "socket_start" {
			t.Errorf("%v links to %v, want the write that sent its message", r, r.Links)
		}
	}
	stalled := c.Find(func(s *chain.Span) bool { return s.Name == semconv.SpanWrite && s.Failed() })
	if len(stalled) != 1 {
		t.Fatalf("%d writes failed, want the one that stalled", len(stalled))
	}
	var block, wake *chain.Span
	for _, s := range stalled[0].Children {
		switch s.Word() {
		case semconv.SpanBlock:
			block = s
		case semconv.SpanWake:
			wake = s
		}
	}
	if block == nil || wake == nil {
		t.Fatalf("the stalled write has children %v, want block and wake", stalled[0].Children)
	}
	want := map[attribute.Key]string{semconv.BlockReasonKey: "net.write", semconv.BlockSourceKey: "poll"}
	for k, v := range want {
		if got := block.Str(k); got != v {
			t.Errorf("%s = %q, want %q", k, got, v)
		}
	}
	if got := wake.Str(semconv.WakeReasonKey); got != "peer_reset" {
		t.Errorf("wake.reason = %q, want peer_reset: the client closed with data unread", got)
	}
	if !wake.Start.Equal(block.End) {
		t.Errorf("wake starts at %v, want the block's end %v", wake.Start, block.End)
	}
	for _, line := range []string{"sen_data", "net.write", "peer_reset", "(socket_start)", "stops reading", "is stuck"} {
		if !strings.Contains(stdout.String(), line) {
			t.Errorf("the output has no %q:\n%s", line, &stdout)
		}
	}
}

func TestDiagram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "stall.mmd")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), append(quick, "-diagram", file), &stdout, &stderr); code != 0 {
		t.Fatalf("exit code %d, want 0; stderr:\n%s", code, &stderr)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"sequenceDiagram", "net.write", "peer_window", "p0-)p1: wake · peer_reset"} {
		if !strings.Contains(string(got), line) {
			t.Errorf("the diagram has no %q:\n%s", line, got)
		}
	}
}

func TestEachSideAlone(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var client, stderr bytes.Buffer
	server := &announced{url: make(chan string, 1)}
	served := make(chan int)
	go func() { served <- run(ctx, []string{"-serve", "127.0.0.1:0"}, server, &stderr) }()
	if code := run(t.Context(), append(quick, "-connect", <-server.url), &client, &stderr); code != 0 {
		t.Errorf("client: exit code %d, want 0", code)
	}
	interrupt()
	if code := <-served; code != 0 {
		t.Errorf("server: exit code %d, want 0", code)
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
	if got := client.String(); !strings.Contains(got, "hello  ") || strings.Contains(got, "sen_data  ") {
		t.Errorf("the client prints:\n%s\nwant its own side", got)
	}
	if got := server.String(); !strings.Contains(got, "sen_data  ") {
		t.Errorf("the server prints:\n%s\nwant its own side", got)
	}
}

// announced is the output of a server; it passes on the URL that is printed first.
type announced struct {
	bytes.Buffer
	url chan string
}

func (a *announced) Write(p []byte) (int, error) {
	if _, url, ok := strings.Cut(string(p), "listens on "); ok {
		a.url <- strings.TrimSpace(url)
	}
	return a.Buffer.Write(p)
}

func TestFlags(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-nope"}, 2, "flag provided but not defined: -nope"},
		{"argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"both sides", []string{"-serve", ":1", "-connect", "ws://x"}, 2, "-serve and -connect"},
		{"no URL", []string{"-connect", "nonsense"}, 2, `not "nonsense"`},
		{"another scheme", []string{"-connect", "ftp://127.0.0.1:1"}, 2, `not "ftp://127.0.0.1:1"`},
		{"buffers", []string{"-buffers", "huge"}, 2, `not "huge"`},
		{"messages", []string{"-messages", "0"}, 2, "-messages is at least 1"},
		{"address in use", []string{"-serve", busy.Addr().String()}, 1, "address already in use"},
		{"no server", []string{"-connect", "ws://127.0.0.1:1"}, 1, "connection refused"},
		{"diagram", []string{"-diagram", "x.gif"}, 2, `".gif"`},
		{"no folder", []string{"-spans", "no/such/folder/file"}, 1, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if tt.code == 2 && stdout.Len() > 0 {
				t.Errorf("stdout %q, want none", &stdout)
			}
			if got := stderr.String(); !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", got, tt.want)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, &stdout, &stderr); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(stdout.String(), "-buffers") {
		t.Errorf("stdout %q, want the flags", &stdout)
	}
}
