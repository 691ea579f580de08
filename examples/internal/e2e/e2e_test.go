package e2e_test

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/examples/internal/loopback"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// pair is socket_start and socket_get, and the files that all their spans go to.
type pair struct {
	t              *testing.T
	server, client *process
	files          []string
}

// startPair starts both. The client idles for a time in which the server stalls.
func startPair(t *testing.T, env []string, idle time.Duration, server ...string) *pair {
	t.Helper()
	dir := t.TempDir()
	p := &pair{t: t, files: []string{filepath.Join(dir, "server.json"), filepath.Join(dir, "client.json")}}
	p.server = start(t, env, "stalledsender", append([]string{"-serve", "127.0.0.1:0", "-spans", p.files[0]}, server...)...)
	at := p.server.says("listens on ")
	p.client = start(t, env, "stalledsender", "-connect", at, "-work", "50ms", "-idle", idle.String(), "-spans", p.files[1])
	return p
}

// stalls waits until the server is stuck, and returns how many messages it sent.
func (p *pair) stalls() int {
	p.t.Helper()
	n, err := strconv.Atoi(strings.Fields(p.server.says("sen_data is stuck: "))[0])
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// end waits for the client and then interrupts the server.
func (p *pair) end() {
	p.t.Helper()
	p.client.ends()
	p.server.says("sen_data ends")
	p.server.interrupt()
	p.server.ends()
}

// arrived fails the test unless Jaeger has all spans of both, and returns them.
func (p *pair) arrived(j *jaeger) []chain.Span {
	p.t.Helper()
	if w := append(p.server.warnings(), p.client.warnings()...); len(w) > 0 {
		p.t.Errorf("warnings: %q", w)
	}
	want := fromFiles(p.t, p.files...)
	got := j.trace(want[0].TraceID)
	same(p.t, got, want)
	whole(p.t, chain.New(got))
	if got, want := tree(p.t, got), tree(p.t, want); got != want {
		p.t.Errorf("Jaeger's order is\n%s\nwant\n%s", got, want)
	}
	return got
}

func TestTwoPrograms(t *testing.T) {
	j := newJaeger(t)
	j.start()
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			p := startPair(t, j.env(protocol), 3*time.Second)
			p.end()
			spans := p.arrived(j)
			stalled(t, chain.New(spans))
			onThePage(t, j, spans)
			searched(t, j, spans)
			drawn(t, j, p, spans)
		})
	}
}

// stalled checks the one write that failed, and what blocked and woke it.
func stalled(t *testing.T, c *chain.Chain) {
	t.Helper()
	for name, service := range map[string]string{"hello": "socket_get", "sen_data": "socket_start"} {
		if got := c.Named(name); len(got) != 1 || got[0].Service != service {
			t.Errorf("spans %s: %v, want one of %s", name, got, service)
		}
	}
	failed := c.Find(func(s *chain.Span) bool { return s.Name == semconv.SpanWrite && s.Failed() })
	if len(failed) != 1 || len(failed[0].Children) != 2 {
		t.Fatalf("writes that failed: %v, want one with a block and a wake", failed)
	}
	block, wake := failed[0].Children[0], failed[0].Children[1]
	want := map[attribute.Key]string{semconv.BlockReasonKey: "net.write", semconv.BlockSourceKey: "poll"}
	if runtime.GOOS == "linux" {
		want[semconv.BlockCauseKey] = "peer_window"
		for _, k := range []attribute.Key{semconv.TCPRwndLimitedKey, semconv.TCPWrittenKey, semconv.TCPSendQueueKey, semconv.TCPNotSentKey, semconv.TCPPeerWindowKey} {
			if _, ok := block.Attr(k); !ok {
				t.Errorf("the block has no %s: %v", k, block.Attributes)
			}
		}
	}
	for k, v := range want {
		if got := block.Str(k); got != v {
			t.Errorf("the block has %s %q, want %q", k, got, v)
		}
	}
	if got := wake.Str(semconv.WakeReasonKey); got != "peer_reset" {
		t.Errorf("wake.reason is %q, want peer_reset: the client closed with data unread", got)
	}
	var index int64
	for _, s := range c.Named(semconv.SpanWrite) {
		if s.Failed() {
			break // it is the last, and never was a message
		}
		if got := s.Int(semconv.WebSocketMessageIndexKey); got != index+1 {
			t.Fatalf("write %d comes after write %d", got, index)
		}
		index++
	}
}

// onThePage checks what the older API, that of Jaeger's page, makes of the spans:
// it knows microseconds and parents.
func onThePage(t *testing.T, j *jaeger, want []chain.Span) {
	t.Helper()
	got, warnings := j.page(want[0].TraceID)
	if len(warnings) > 0 {
		t.Errorf("the page warns: %q", warnings)
	}
	if len(got) != len(want) {
		t.Errorf("the page has %d spans, want %d", len(got), len(want))
	}
	paged := chain.New(got)
	if len(paged.Roots) != 1 {
		t.Errorf("the page has the roots %v, want one", paged.Roots)
	}
	for _, w := range want {
		s := paged.Lookup(w.TraceID, w.SpanID)
		if s == nil {
			t.Fatalf("the page has no %v", &w)
		}
		if s.Name != w.Name || s.Service != w.Service || s.ParentID != w.ParentID || s.Kind != w.Kind || s.Failed() != w.Failed() ||
			s.Start.UnixMicro() != w.Start.UnixMicro() || s.Duration() != w.End.Sub(w.Start).Truncate(time.Microsecond) {
			t.Fatalf("the page has\n%s\nwant\n%s", describe(s), describe(&w))
		}
	}
}

// searched checks that the queries of docs/jaeger.md find the trace, and others
// do not.
func searched(t *testing.T, j *jaeger, spans []chain.Span) {
	t.Helper()
	doc, err := os.ReadFile("../../../docs/jaeger.md")
	if err != nil {
		t.Fatal(err)
	}
	id := spans[0].TraceID.String()
	for _, tt := range []struct {
		query string
		found bool
	}{
		{`service=socket_start&operation=block+peer_window&minDuration=1s`, true},
		{`service=socket_start&operation=block+network&minDuration=1s`, false},
		{`service=socket_start&operation=write&minDuration=1s`, true},
		{`service=socket_start&operation=write&minDuration=1h`, false},
		{`service=socket_start&operation=wake+peer_reset`, true},
		{`service=socket_start&operation=sen_data&tags={"goroutine.state":"failed"}`, true},
		{`service=socket_start&operation=write&tags={"error.type":"connection_reset"}`, true},
		{`service=socket_get&operation=hello&tags={"goroutine.state":"finished"}`, true},
		{`service=socket_get&tags={"block.cause":"peer_window"}`, false},
	} {
		if strings.Contains(tt.query, "peer_window") && runtime.GOOS != "linux" {
			continue
		}
		if tt.found && !strings.Contains(string(doc), "`"+tt.query+"`") {
			t.Errorf("docs/jaeger.md has no query %s", tt.query)
		}
		query, err := url.ParseQuery(tt.query)
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(j.search(query), id); got != tt.found {
			t.Errorf("%s finds it: %t, want %t", tt.query, got, tt.found)
		}
	}
}

// drawn checks that the diagram of Jaeger's trace is that of the files.
func drawn(t *testing.T, j *jaeger, p *pair, spans []chain.Span) {
	t.Helper()
	want := diagram(t, p.files...)
	for _, words := range []string{"sen_data", "hello", "net.write", "peer_reset"} {
		if !strings.Contains(want, words) {
			t.Errorf("the diagram has no %q:\n%s", words, want)
		}
	}
	for _, args := range [][]string{{"-trace", spans[0].TraceID.String()}, {"-service", "socket_get"}} {
		if got := diagram(t, append(args, j.url())...); got != want {
			t.Errorf("wakechain draw %s of Jaeger draws\n%s\nwant\n%s", args, got, want)
		}
	}
}

func diagram(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(programs+"wakechain", append([]string{"draw"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, &stderr)
	}
	return string(out)
}

// TestLinks lets the clients of the chat wait for each other: its wakes link to
// what caused them.
func TestLinks(t *testing.T) {
	j := newJaeger(t)
	j.start()
	file := filepath.Join(t.TempDir(), "chat.json")
	start(t, j.env(), "chat", "-demo", "-spans", file).ends()
	traces := map[string][]chain.Span{}
	for _, s := range fromFiles(t, file) {
		traces[s.TraceID.String()] = append(traces[s.TraceID.String()], s)
	}
	var all, paged []chain.Span
	for _, want := range traces {
		got := j.trace(want[0].TraceID)
		same(t, got, want)
		all = append(all, got...)
		page, warnings := j.page(want[0].TraceID)
		paged = append(paged, page...)
		if len(warnings) > 0 {
			t.Errorf("the page warns: %q", warnings)
		}
	}
	sound(t, chain.New(all))
	if n := links(all); n == 0 || links(paged) != n {
		t.Errorf("%d links, and %d on the page; want those of the wakes on both", n, links(paged))
	}
}

func links(spans []chain.Span) (n int) {
	for _, s := range spans {
		n += len(s.Links)
	}
	return n
}

// TestCtrlC interrupts each of the two first.
func TestCtrlC(t *testing.T) {
	j := newJaeger(t)
	j.start()
	for _, first := range []string{"client", "server"} {
		t.Run(first, func(t *testing.T) {
			p := startPair(t, j.env(), time.Hour)
			p.stalls()
			order := []*process{p.client, p.server}
			if first == "server" {
				slices.Reverse(order)
			}
			for _, side := range order {
				side.interrupt()
				side.ends()
			}
			p.arrived(j)
		})
	}
}

// TestJaegerIsAway starts Jaeger after the server has made most of its spans.
func TestJaegerIsAway(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			j := newJaeger(t)
			p := startPair(t, j.env(protocol), time.Hour)
			p.stalls() // the first batch was sent, in vain, long before
			j.start()
			p.client.interrupt()
			p.end()
			p.arrived(j)
		})
	}
}

// TestJaegerIsNotThere has an endpoint that refuses, and one that never answers.
func TestJaegerIsNotThere(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	refuses := loopback.Ports(t, 1)[0]
	for name, endpoint := range map[string]string{"refuses": "127.0.0.1:" + refuses, "silent": silent.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + endpoint}, 3*time.Second)
			p.end()
			for i, side := range []*process{p.server, p.client} {
				n := len(fromFiles(t, p.files[i]))
				want := fmt.Sprintf("%d of %d spans were not sent", n, n)
				if got := side.warnings(); len(got) != 1 || !strings.Contains(got[0], want) {
					t.Errorf("warnings %q, want one with %q", got, want)
				}
				if got := side.stdout.String(); !strings.Contains(got, fmt.Sprintf("The call chain, from %d spans:", n)) {
					t.Errorf("it prints\n%s\nwant the chain of %d spans", got, n)
				}
			}
		})
	}
}

// TestKilled kills the server while it is stuck. What had ended is there, with
// its parents, while the connection lives and after; what had not is missing.
func TestKilled(t *testing.T) {
	j := newJaeger(t)
	j.start()
	p := startPair(t, j.env(), time.Hour)
	sent := p.stalls()
	var living []chain.Span
	eventually(t, "Jaeger has what was sent", func() bool {
		for _, id := range j.search(url.Values{"service": {"socket_start"}}) {
			living = j.trace(traceID(t, id))
		}
		c := chain.New(living) // the two sides send what they have at different times
		return len(c.Named(semconv.SpanWrite)) >= sent && len(c.Named(semconv.SpanHandshake)) == 2 &&
			len(c.Named("sen_data")) == 1 && len(c.Named("hello")) == 1 // exported after 5 s
	})
	if run := chain.New(living).Named("sen_data")[0]; run.Str(semconv.GoroutineStateKey) != string(semconv.StateRunning) || run.Life() != nil {
		t.Errorf("sen_data: got the state %q, want running", run.Str(semconv.GoroutineStateKey))
	}
	if _, warnings := j.page(living[0].TraceID); len(warnings) > 0 {
		t.Errorf("the page warns, of a connection that lives: %q", warnings)
	}
	if err := p.server.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.client.interrupt()
	p.client.ends()
	id := fromFiles(t, p.files[1])[0].TraceID
	c := chain.New(j.trace(id))
	whole(t, c)
	if n := len(c.Named(semconv.SpanWrite)); n < sent {
		t.Errorf("%d writes, want the %d that had ended", n, sent)
	}
	if failed := c.Find((*chain.Span).Failed); slices.ContainsFunc(failed, func(s *chain.Span) bool { return s.Service == "socket_start" }) {
		t.Errorf("of the server failed %v, want none: what was stuck had not ended", failed)
	}
	if run := c.Named("sen_data"); len(run) != 1 || run[0].Life() != nil {
		t.Errorf("spans sen_data %v, want one that had not ended", run)
	}
	if run := c.Named("hello"); len(run) != 2 || run[0].Rest() != run[1] || run[0].Life() != run[1] {
		t.Errorf("spans hello %v, want two of the client, which lived on", run)
	}
	if _, warnings := j.page(id); len(warnings) > 0 {
		t.Errorf("the page warns: %q", warnings)
	}
}

// TestFlood sends 5,000 messages at once. Most of them are in runs.
func TestFlood(t *testing.T) {
	j := newJaeger(t)
	j.start()
	file := filepath.Join(t.TempDir(), "spans.json")
	p := start(t, j.env(), "stalledsender", "-messages", "5000", "-work", "0s", "-idle", "0s", "-spans", file)
	p.ends()
	if w := p.warnings(); len(w) > 0 {
		t.Errorf("warnings: %q", w)
	}
	want := fromFiles(t, file)
	var messages int64
	for _, s := range chain.New(want).Spans {
		if s.IsRead() || s.IsWrite() {
			messages += max(s.Messages(), 1)
		}
	}
	if messages < 10_000 {
		t.Errorf("%d messages in %d spans, want 5,000 written and read", messages, len(want))
	}
	got := j.trace(want[0].TraceID)
	same(t, got, want)
	whole(t, chain.New(got))
	if _, warnings := j.page(want[0].TraceID); len(warnings) > 0 {
		t.Errorf("the page warns: %q", warnings)
	}
}
