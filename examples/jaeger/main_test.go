package main

import (
	"bytes"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

func TestFlags(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-nope"}, 2, "flag provided but not defined: -nope"},
		{"argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"no number", []string{"-http", "x"}, 2, `"x"`},
		{"gRPC port in use", []string{"-grpc", port, "-http", "0", "-query", "0"}, 1, "port " + port + " is in use; -grpc takes another"},
		{"HTTP port in use", []string{"-grpc", "0", "-http", port, "-query", "0"}, 1, "port " + port + " is in use; -http takes another"},
		{"query port in use", []string{"-grpc", "0", "-http", "0", "-query", port}, 1, "port " + port + " is in use; -query takes another"},
		{"no such file", []string{"-grpc", "0", "-http", "0", "-query", "0", "-ui", "nowhere.json"}, 1, "nowhere.json"},
		{"no such port", []string{"-grpc", "70000"}, 1, "70000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, &stdout, &stderr); code != tt.code {
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
	if code := run(t.Context(), []string{"-help"}, &stdout, &stderr); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(stdout.String(), "-query") {
		t.Errorf("stdout %q, want the flags", &stdout)
	}
}

// Without Jaeger in the cache and without Go, the error says what was to be built and what
// is missing.
func TestNothingToBuildWith(t *testing.T) {
	for _, name := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(name, t.TempDir())
	}
	t.Setenv("PATH", "")
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-build"}, &stdout, &stderr); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if got := stderr.String(); !strings.Contains(got, module+" "+version) || !strings.Contains(got, "executable file not found") {
		t.Errorf("stderr %q, want what it builds, and that there is no go", got)
	}
}

// A Jaeger that ends at once is reported with its exit status.
func TestItEnds(t *testing.T) {
	program, err := exec.LookPath("false")
	if err != nil {
		t.Skip("no program that fails on this machine")
	}
	j, err := start(t.Context(), program, ports{}, "", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.ready(t.Context(), ports{}); err == nil || !strings.Contains(err.Error(), "it ended (exit status 1)") {
		t.Errorf("ready: %v, want that it ended", err)
	}
}

// Jaeger listens on loopback alone.
func TestLoopback(t *testing.T) {
	endpoints := regexp.MustCompile(`endpoint: (.*)`).FindAllStringSubmatch(config, -1)
	for _, e := range endpoints {
		if !strings.HasPrefix(e[1], "127.0.0.1:") {
			t.Errorf("endpoint %s, want 127.0.0.1", e[1])
		}
	}
	if len(endpoints) != 4 {
		t.Errorf("endpoints %v, want those of OTLP and the query, two each", endpoints)
	}
}
