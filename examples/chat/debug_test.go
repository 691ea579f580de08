package main

import (
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

// The page shows which member blocks the room, while it does: likely the client that
// reads slowly, since the room waits for a channel and not for the client.
func TestDebug(t *testing.T) {
	page, _ := runRoom(t, "-demo", "-slow", "1h", "-patience", "1h")
	said := regexp.MustCompile(`(?s)STALLED.*writer g\d+ has been blocked .* writing to the client \S+, which has not\s+read`)
	held := regexp.MustCompile(`HEAD.*\n\s+likely client g\d+ holds up [2-9] goroutines, for up to .*: it is in sleep`)
	stalled := regexp.MustCompile(`write #\d+: net\.write peer_window on (\w+)`)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		text := get(t, page)
		quiet := ""
		if _, q, ok := strings.Cut(text, "QUIET"); ok {
			quiet = q
		}
		conn := stalled.FindStringSubmatch(text)
		if said.MatchString(text) && held.MatchString(text) && conn != nil && !strings.Contains(quiet, conn[1]) {
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
