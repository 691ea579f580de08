package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// said is the output of a server, whose lines can be waited for.
type said struct {
	mu    sync.Mutex
	text  bytes.Buffer
	lines chan string
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	for line := range strings.Lines(string(p)) {
		for _, what := range []string{"listens on ", "is stuck", "sen_data ends"} {
			if strings.Contains(line, what) {
				s.lines <- strings.TrimSpace(line)
			}
		}
	}
	return len(p), nil
}

func (s *said) next(t *testing.T, what string) string {
	t.Helper()
	select {
	case line := <-s.lines:
		if !strings.Contains(line, what) {
			t.Fatalf("it says %q, want %q", line, what)
		}
		return line
	case <-time.After(time.Minute):
		t.Fatalf("it does not say %q", what)
		return ""
	}
}

// TestServeForeignPeers: clients of somebody else, with the receive buffers that the
// kernel gives them, that do not read. The sender is stuck once for each, for the
// window, and before it ends.
func TestServeForeignPeers(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var stderr bytes.Buffer
	out := &said{lines: make(chan string, 100)}
	served := make(chan int, 1)
	go func() { served <- run(ctx, []string{"-serve", "127.0.0.1:0"}, out, &stderr) }()
	_, url, _ := strings.Cut(out.next(t, "listens on "), "listens on ")
	for range 2 {
		c, _, err := websocket.Dial(t.Context(), url, nil)
		if err != nil {
			t.Fatal(err)
		}
		out.next(t, "is stuck")
		_ = c.CloseNow()
		out.next(t, "sen_data ends")
	}
	interrupt()
	if code := <-served; code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, &stderr)
	}
	if len(out.lines) > 0 {
		t.Errorf("it also says %q", <-out.lines)
	}
	for _, want := range []string{"Why was the sender stuck", "peer_window", "peer_reset"} {
		if !strings.Contains(out.text.String(), want) {
			t.Errorf("the output has no %q:\n%s", want, &out.text)
		}
	}
}

// TestLook: a sender is stuck in a write that is the same at two looks, once.
func TestLook(t *testing.T) {
	one := &sender{seen: -1}
	for i, at := range []struct {
		writing bool
		sent    int64
		stuck   bool
	}{
		{true, 0, false},
		{true, 0, true}, // in its first write
		{true, 0, false},
		{true, 5, false},
		{true, 6, false},
		{false, 6, false},
		{true, 6, false}, // this one began after the last look
		{true, 6, true},
		{true, 6, false},
		{false, 6, false},
		{false, 6, false},
	} {
		one.writing.Store(at.writing)
		one.sent.Store(at.sent)
		if _, stuck := one.look(); stuck != at.stuck {
			t.Errorf("look %d: got stuck %v, want %v", i, stuck, at.stuck)
		}
	}
}

// TestNothingFound: no heading stands over nothing.
func TestNothingFound(t *testing.T) {
	var out bytes.Buffer
	span := tracetest.SpanStub{Name: "x", StartTime: time.Unix(1, 0), EndTime: time.Unix(1, 1e6)}.Snapshot()
	if err := report(&out, []sdktrace.ReadOnlySpan{span, span}, 0); err != nil {
		t.Fatal(err)
	}
	const want = "\n\nNothing found in 2 spans.\n"
	if got := out.String(); !strings.HasSuffix(got, want) || strings.Contains(got, "What the trace says") {
		t.Errorf("got\n%s\nwant at its end %q", got, want)
	}
}
