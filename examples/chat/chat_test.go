package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/wsconn"
)

// start serves a room until the test ends.
func start(t *testing.T, patience time.Duration) (s *server, host string) {
	t.Helper()
	s = &server{tracer: new(trace.Tracer), room: room{patience: patience}}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- s.serve(ctx, smallListener{l}) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func enterAs(t *testing.T, host, name string) *wsconn.Conn {
	t.Helper()
	conn, err := enter(t.Context(), "ws://"+host+"/room", name, &wsconn.DialOptions{HTTPClient: smallClient()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func wantMessage(t *testing.T, conn *wsconn.Conn, want message) {
	t.Helper()
	if got, err := receive(t.Context(), conn); got != want || err != nil {
		t.Errorf("got %+v and %v, want %+v", got, err, want)
	}
}

func TestTwoClients(t *testing.T) {
	_, host := start(t, time.Minute)
	ann := enterAs(t, host, " Ann\x1b[31m ")
	wantMessage(t, ann, message{Text: "Ann[31m is here"})
	bob := enterAs(t, host, "bob")
	for _, c := range []*wsconn.Conn{ann, bob} {
		wantMessage(t, c, message{Text: "bob is here"})
	}
	if err := ann.Write(t.Context(), wsconn.MessageText, []byte(`{"from":"someone else","text":"<b>hi</b>\u0007"}`)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*wsconn.Conn{ann, bob} {
		wantMessage(t, c, message{From: "Ann[31m", Text: "<b>hi</b>"})
	}
	if err := ann.Close(wsconn.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	wantMessage(t, bob, message{Text: "Ann[31m has left"})
}

// A terminal that joins says what is typed and prints what is said.
func TestTerminal(t *testing.T) {
	_, host := start(t, time.Minute)
	bob := enterAs(t, host, "bob")
	wantMessage(t, bob, message{Text: "bob is here"})
	typed, typing := io.Pipe()
	printed, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(t.Context(), []string{"-join", "ws://" + host + "/room", "-name", "ann"}, typed, stdout, &stderr)
		stdout.Close()
	}()
	lines := bufio.NewScanner(printed)
	wantLine := func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("prints %q, want %q", lines.Text(), want)
		}
	}
	wantLine("* ann is here")
	wantMessage(t, bob, message{Text: "ann is here"})
	if _, err := io.WriteString(typing, "hello\n"); err != nil {
		t.Fatal(err)
	}
	wantLine("ann: hello")
	wantMessage(t, bob, message{From: "ann", Text: "hello"})
	typing.Close()
	if got := <-code; got != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, want 0; stderr: %s", got, &stderr)
	}
	wantMessage(t, bob, message{Text: "ann has left"})
}

// Ctrl-C leaves the room, with a close frame.
func TestInterrupt(t *testing.T) {
	_, host := start(t, time.Minute)
	bob := enterAs(t, host, "bob")
	wantMessage(t, bob, message{Text: "bob is here"})
	ctx, interrupt := context.WithCancel(t.Context())
	typed, typing := io.Pipe()
	defer typing.Close()
	var stdout, stderr bytes.Buffer
	code := make(chan int)
	go func() {
		code <- run(ctx, []string{"-join", "ws://" + host + "/room", "-name", "ann"}, typed, &stdout, &stderr)
	}()
	wantMessage(t, bob, message{Text: "ann is here"})
	interrupt()
	if got := <-code; got != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, want 0; stderr: %s", got, &stderr)
	}
	wantMessage(t, bob, message{Text: "ann has left"})
}

func TestNoName(t *testing.T) {
	_, host := start(t, time.Minute)
	_, err := receive(t.Context(), enterAs(t, host, "\n"))
	if got := wsconn.CloseStatus(err); got != wsconn.StatusPolicyViolation {
		t.Errorf("got close status %d, want %d", got, wsconn.StatusPolicyViolation)
	}
}

// Who does not read at all costs the others no more than the room's patience.
func TestPatience(t *testing.T) {
	_, host := start(t, time.Second) // with small buffers the kernel pauses for a fifth of that at times
	enterAs(t, host, "mute")         // never reads
	ann := enterAs(t, host, "ann")
	done := make(chan struct{})
	go func() { // and reads on then, or it would be the next
		for {
			m, err := receive(t.Context(), ann)
			if err != nil {
				return
			}
			if m.Text == "mute has left" {
				close(done)
			}
		}
	}()
	said := message{Text: strings.Repeat("x", length)}.encode()
	for {
		select {
		case <-done:
			return
		default:
		}
		if err := ann.Write(t.Context(), wsconn.MessageText, said); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPage(t *testing.T) {
	s := &server{}
	for path, want := range map[string]string{
		"/": `<script src="chat.js">`, "/chat.js": "textContent", "/chat.css": "main {",
	} {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d, and no %q:\n%s", path, w.Code, want, w.Body)
		}
		if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'self'") {
			t.Errorf("%s: got policy %q", path, got)
		}
		if strings.Contains(w.Body.String(), "innerHTML") || strings.Contains(w.Body.String(), "//cdn") {
			t.Errorf("%s has markup of strangers", path)
		}
	}
}

// A page of another host must not join on behalf of its visitor.
func TestOrigin(t *testing.T) {
	_, host := start(t, time.Minute)
	conn, resp, err := wsconn.Dial(t.Context(), "ws://"+host+"/room",
		&wsconn.DialOptions{HTTPHeader: http.Header{"Origin": {"https://example.com"}}})
	if err == nil {
		conn.CloseNow()
		t.Fatal("joined")
	}
	if resp == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %v and %v, want 403", resp, err)
	}
}

// The demonstration shows a wait from the slow client's socket to the senders, and
// names that client. Every read links to the message's sender.
func TestDemo(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("did not run: the kernel's evidence for the cause is Linux's")
	}
	var stdout, stderr bytes.Buffer
	file := filepath.Join(t.TempDir(), "spans.json")
	if code := run(t.Context(), []string{"-demo", "-spans", file}, nil, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit code %d, want 0; stderr: %s", code, &stderr)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	spans, _, err := chain.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range chain.New(spans).Find((*chain.Span).IsRead) {
		first, last := r.Indexes()
		if first == 0 {
			continue // no message came
		}
		sent := func(l chain.Link) bool {
			return l.Span != nil && l.Span.IsWrite() && (first < last || l.Span.Has(first))
		}
		if len(r.Links) == 0 || !sent(r.Links[0]) || !sent(r.Links[len(r.Links)-1]) {
			t.Errorf("%v links to %v, want the writes that sent its messages %d to %d", r, r.Links, first, last)
		}
	}
	wait, answer, _ := strings.Cut(stdout.String(), "Who kept whom waiting?")
	for _, want := range []string{"[dora]", "writer", "net.write", "chan.send", "wake sent", "← woken by writer", "wake unlocked"} {
		if !strings.Contains(wait, want) {
			t.Errorf("the chain has no %q:\n%s", want, wait)
		}
	}
	answer = strings.Join(strings.Fields(answer), " ")
	for _, want := range []string{
		"dora was not reading, and held 3 others up", "chat's writer was blocked writing to it",
		"waited to send on a channel", "waited to get a lock",
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer has no %q:\n%s", want, answer)
		}
	}
}

// A room without patience drops a slow member, which is no failure.
func TestDemoWithoutPatience(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-demo", "-patience", "50ms"}, nil, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Fatalf("exit code %d, want 0; stderr: %s", code, &stderr)
	}
	if want := "was too slow for the room"; !strings.Contains(stdout.String(), want) {
		t.Errorf("no %q:\n%s", want, &stdout)
	}
}

func TestFlags(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-nope"}, 2, "flag provided but not defined: -nope"},
		{"argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"demo and join", []string{"-demo", "-join", "ws://x"}, 2, "do not go together"},
		{"no name", []string{"-join", "ws://x", "-name", "\t"}, 2, "needs a -name"},
		{"patience", []string{"-patience", "0s"}, 2, "-patience"},
		{"no server", []string{"-join", "ws://127.0.0.1:1/room", "-name", "x"}, 1, "connection refused"},
		{"no address", []string{"-addr", "256.0.0.1:0"}, 1, "256.0.0.1"},
		{"no folder", []string{"-demo", "-spans", "no/such/folder/file"}, 1, "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), tt.args, strings.NewReader(""), &stdout, &stderr); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			if got := stderr.String(); !strings.Contains(got, tt.want) || strings.Count(got, "\n") != 1 {
				t.Errorf("stderr %q, want one line with %q", got, tt.want)
			}
		})
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-help"}, nil, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), "-patience") {
		t.Errorf("-help: exit code %d, stdout %q", code, &stdout)
	}
}
