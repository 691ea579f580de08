package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

var pageURL = regexp.MustCompile(`http://\S+/debug/wakechain`)

// announced takes what a program prints, and passes on the URL of its page.
type announced chan string

func (a announced) Write(p []byte) (int, error) {
	if url := pageURL.Find(p); url != nil {
		a <- string(url)
	}
	return len(p), nil
}

// The page says who holds the room up, while that is so: the client that reads
// slowly, likely, since the room does not wait for it but for a channel.
func TestDebug(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	url := make(announced, 1)
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-demo", "-debug", ":0", "-slow", "1h", "-patience", "1h"}, nil, url, &stderr)
	}()
	t.Cleanup(func() {
		interrupt()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d, want 0: %s", code, &stderr)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	var page string
	select {
	case page = <-url:
	case <-time.After(time.Minute):
		t.Fatal("no URL after a minute")
	}
	said := regexp.MustCompile(`(?s)STALLED.*writer g\d+ has been blocked .* writing to the client \S+, which has not\s+read`)
	held := regexp.MustCompile(`HEAD.*\n\s+likely client g\d+ holds up [4-9] goroutines, for up to .*: it is in sleep`)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		text := get(t, page)
		quiet := ""
		if _, q, ok := strings.Cut(text, "QUIET"); ok {
			quiet = q
		}
		if said.MatchString(text) && held.MatchString(text) && !strings.Contains(quiet, "session") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not said after a minute:\n%s", text)
		}
	}
	if os.Getenv("WAKECHAIN_PICTURES") != "" {
		browser.New(t).Pictures(t, page, "chat")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v\n%s", url, r.StatusCode, err, b)
	}
	return string(b)
}
