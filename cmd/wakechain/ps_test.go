package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// stuck serves the debug page of this process, in which a goroutine waits for a lock. It
// returns the address.
func stuck(t *testing.T) string {
	t.Helper()
	ctx := trace.New(trace.WithTracerProvider(tracetest.NewRecorder(t).Service("shop"))).NewContext(t.Context())
	ctx, cancel := context.WithCancel(ctx)
	var mu trace.Mutex
	if err := mu.LockContext(ctx); err != nil {
		t.Fatal(err)
	}
	waiter := trace.Go(ctx, "waiter", func(ctx context.Context) error { return mu.LockContext(ctx) })
	t.Cleanup(func() {
		cancel()
		_ = waiter.Wait(context.WithoutCancel(ctx))
	})
	for v := live.Snapshot(); v.Counts.Blocked == 0; v = live.Snapshot() {
		select {
		case <-waiter.Done():
			t.Fatal("it does not wait")
		default:
		}
	}
	mux := http.NewServeMux()
	mux.Handle(debugPath, live.Handler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

func TestPs(t *testing.T) {
	at := stuck(t)
	r := wakechain(t, nil, "ps", at)
	if r.code != 0 || !strings.Contains(r.stdout, "waiter") || !strings.Contains(r.stdout, "lock") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "ps", "-min", "1ns", "http://"+at); r.code != exitFound || !strings.Contains(r.stdout, "waiter") {
		t.Errorf("something has been stuck for 1 ns, and the exit code is %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "ps", "-min", "1h", "http://"+at+"/"); r.code != 0 || strings.Contains(r.stdout, "waiter") {
		t.Errorf("nothing has been stuck for an hour, and the exit code is %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "ps", "-stacks", at); r.code != 0 || !strings.Contains(r.stdout, "ps_test.go") {
		t.Errorf("no stacks: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "ps", "-color", "always", at); !strings.Contains(r.stdout, "\x1b[1mGOROUTINES\x1b[0m") {
		t.Errorf("no colors:\n%q", r.stdout)
	}
	r = wakechain(t, nil, "ps", "-json", at, at)
	var v live.View
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || len(v.Processes) != 2 {
		t.Errorf("%v: %d processes, want 2 joined\n%s", err, len(v.Processes), r.stdout)
	}
	// A view that was saved.
	file := filepath.Join(t.TempDir(), "view.json")
	if err := os.WriteFile(file, []byte(r.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := wakechain(t, nil, "ps", file); r.code != 0 || !strings.Contains(r.stdout, "2 processes") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	// The view has no spans, yet why reports its findings.
	if r := wakechain(t, nil, "why", "http://"+at+debugPath); r.code != 0 || !strings.Contains(r.stdout, "1 goroutine") || !strings.Contains(r.stderr, "stuck now") {
		t.Errorf("why: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "why", "-json", file); r.code != 1 || !strings.Contains(r.stderr, "see wakechain ps") {
		t.Errorf("why -json: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r := wakechain(t, nil, "tree", "http://"+at+debugPath); r.code != 1 || !strings.Contains(r.stderr, "see wakechain ps") {
		t.Errorf("exit code %d, stderr %q", r.code, r.stderr)
	}
}

// If one of several processes does not answer, the others are shown and the exit code
// reports the failure.
func TestPsInPart(t *testing.T) {
	at := stuck(t)
	down := httptest.NewServer(nil)
	down.Close()
	r := wakechain(t, nil, "ps", at, down.URL)
	if r.code != 1 || !strings.Contains(r.stdout, "waiter") || !strings.Contains(r.stderr, "connection refused") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for answer, want := range map[string]string{
		`{"version":99}`: "its version is 99, and this command knows 1",
		`{"version":1,"goroutines":[{"process":7}]}`:  "a goroutine is of process 7 of 0",
		`{"version":1,"connections":[{"process":1}]}`: "a connection is of process 1 of 0",
		`{"version":1,`: "unexpected EOF",
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		if r := wakechain(t, nil, "ps", srv.URL); r.code != 1 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: exit code %d, stderr %q, want %q", answer, r.code, r.stderr, want)
		}
		srv.Close()
	}
}

// A server that never answers, or stops in the middle of its answer, ends the command with
// one line about it.
func TestSilentServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	stops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"resourceSpans":[`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer stops.Close()
	for _, args := range [][]string{
		{"ps", "http://" + l.Addr().String()},
		{"why", "http://" + l.Addr().String()},
		{"why", "-trace", "1", "http://" + l.Addr().String()},
		{"why", stops.URL},
	} {
		r := wakechain(t, nil, append(args, "-timeout", "50ms")...)
		if r.code != 1 || !strings.Contains(r.stderr, "answer") || !strings.Contains(r.stderr, "for 50 ms") || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d, stderr %q", args, r.code, r.stderr)
		}
	}
}
