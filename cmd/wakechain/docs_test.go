//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain/tap"
	"github.com/wakechain/wakechain/trace/live"
)

// desk is a folder with the files that the examples of the docs read, and a shell in which
// wakechain is this command.
type desk struct {
	t    *testing.T
	dir  string
	urls *strings.Replacer
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash")
	}
	d := &desk{t: t, dir: t.TempDir()}
	spans, err := os.ReadFile(scenario("stalled"))
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(spans); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	d.file("spans.json", spans, 0o600)
	d.file("server.json", spans, 0o600)
	d.file("client.json.gz", zipped.Bytes(), 0o600)
	d.file("bin/wakechain", []byte("#!/bin/sh\n"+asCommand+"=1 exec '"+os.Args[0]+"' \"$@\"\n"), 0o700)
	stuck(t)
	mux := http.NewServeMux()
	mux.Handle(debugPath, live.Handler())
	mux.HandleFunc(tracePath, pprof.Trace)
	ends := tap.New()
	mux.Handle(spansPath, ends)
	ctx := trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(ends)))).NewContext(t.Context())
	ctx, stop := context.WithCancel(ctx)
	busy := trace.Go(ctx, "busy", func(ctx context.Context) error {
		for ctx.Err() == nil {
			_ = trace.Sleep(ctx, 50*time.Millisecond)
		}
		return nil
	})
	t.Cleanup(func() { stop(); _ = busy.Wait(context.WithoutCancel(ctx)) })
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	at := strings.TrimPrefix(srv.URL, "http://")
	d.urls = strings.NewReplacer("127.0.0.1:6060", at, "127.0.0.1:6061", at,
		"http://127.0.0.1:16686", backend(t, false), "http://127.0.0.1:3200", backend(t, true))
	return d
}

func (d *desk) file(name string, content []byte, mode os.FileMode) {
	d.t.Helper()
	name = filepath.Join(d.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, content, mode)); err != nil {
		d.t.Fatal(err)
	}
}

var shell = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")

// commands returns the lines of a page's shell blocks.
func commands(t *testing.T, page string) (all []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range shell.FindAllStringSubmatch(string(b), -1) {
		for line := range strings.Lines(block[1]) {
			line = strings.TrimSpace(line)
			if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "go install ") {
				all = append(all, line)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("docs/%s has no commands", page)
	}
	return all
}

// mayFind matches the flags with which a command may exit with 3.
var mayFind = regexp.MustCompile(`-min|-fail-on|-strict`)

// runs runs a command line in a shell, as a reader would, and returns its output.
func (d *desk) runs(t *testing.T, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", d.urls.Replace(line))
	cmd.Dir = d.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(d.dir, "bin")+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 0 && (code != exitFound || !mayFind.MatchString(line)) {
		t.Errorf("%s: %v\n%s%s", line, err, &stdout, &stderr)
	}
	return stdout.String()
}

// TestExamples runs every command of docs/command.md.
func TestExamples(t *testing.T) {
	d := newDesk(t)
	for _, line := range commands(t, "command.md") {
		t.Run(line, func(t *testing.T) {
			if args, ok := strings.CutPrefix(line, "wakechain top "); ok { // needs a terminal
				p := sit(t, 100, 30, append([]string{"top"}, strings.Fields(d.urls.Replace(args))...)...)
				p.seesFrom(0, "a goroutine", has1("waiter"))
				p.types("q")
				if code := p.ends(); code != 0 {
					t.Errorf("exit code %d", code)
				}
				return
			}
			out := d.runs(t, line)
			if out == "" && !strings.Contains(line, "-o ") && !strings.Contains(line, ">") && !strings.HasPrefix(line, "source ") {
				t.Error("it says nothing")
			}
		})
	}
}

// Whoever follows docs/agents.md is led to the line of code.
func TestAgents(t *testing.T) {
	d := newDesk(t)
	for _, line := range commands(t, "agents.md") {
		t.Run(line, func(t *testing.T) {
			out := d.runs(t, line)
			switch {
			case strings.Contains(line, "ps -stacks http"):
				if !strings.Contains(out, " at ps_test.go:") {
					t.Errorf("it does not name the line:\n%s", out)
				}
			case strings.Contains(line, "why -json"):
				if !strings.Contains(out, "sender-stalled") {
					t.Errorf("it does not say what hung:\n%s", out)
				}
			case strings.Contains(line, "slow.trace"):
				t.Logf("%s", out)
			}
		})
	}
}

// The shells that are installed accept their completion scripts.
func TestCompletion(t *testing.T) {
	d := newDesk(t)
	for _, line := range []string{"wakechain completion bash | bash -n", "command -v zsh || exit 0; wakechain completion zsh | zsh -n", "command -v fish || exit 0; wakechain completion fish | fish -n"} {
		d.runs(t, line)
	}
	for words, want := range map[string]string{
		"wakechain dr": "draw", "wakechain why -li": "-limit", "wakechain why -fail-on pro": "problem", "wakechain completion f": "fish", "wakechain tree span": "spans.json",
	} {
		got := d.runs(t, "source <(wakechain completion bash); COMP_WORDS=("+words+"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _wakechain; echo ${COMPREPLY[@]}")
		if strings.TrimSpace(got) != want {
			t.Errorf("%s completes to %q, want %q", words, got, want)
		}
	}
}
