package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

const rules = "../../docs/prometheus/wakechain.rules.yml"

// Prometheus's own tool takes the rules and runs their tests.
func TestRules(t *testing.T) {
	promtool := browser.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", strings.Replace(rules, ".yml", ".test.yml", 1)}} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// A real Prometheus scrapes the room in which dora does not read: it knows the stall,
// computes the rules, answers every query of the dashboard, and leads from a block to
// its trace.
func TestPrometheus(t *testing.T) {
	program := browser.Need(t, "prometheus")
	spans := filepath.Join(t.TempDir(), "spans.json")
	page, end := runRoom(t, "-demo", "-slow", "1h", "-patience", "1h", "-spans", spans)
	p := scrape(t, program, strings.TrimSuffix(page, "/debug/wakechain"))

	p.wait(t, `max(wakechain_blocked_oldest_seconds{block_reason="net.write", block_cause="peer_window"}) > 1`)
	p.wait(t, `sum(wakechain_blocked{block_reason="net.write", block_cause="peer_window"}) == 1`)
	for role, n := range map[string]int{"client": 4, "server": 4} {
		p.wait(t, fmt.Sprintf(`sum(websocket_open_connections{websocket_role=%q}) == %d`, role, n))
	}
	for _, m := range regexp.MustCompile(`- record: (\S+)`).FindAllStringSubmatch(text(t, rules), -1) {
		p.wait(t, m[1])
	}
	for _, q := range dashboard(t) {
		p.wait(t, q)
	}
	trace := p.exemplar(t, "wakechain_block_duration_seconds_bucket")
	end()
	if !strings.Contains(text(t, spans), trace) {
		t.Errorf("no span has the trace id %s of a block's exemplar", trace)
	}
}

// dashboard returns the queries of the dashboard as Grafana asks them: for all jobs and
// instances, over a minute.
func dashboard(t *testing.T) (queries []string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(text(t, "../../docs/prometheus/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*")
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			q := fill.Replace(target.Expr)
			if strings.Contains(q, "$") {
				t.Errorf("%s: an unknown variable: %s", p.Title, q)
			}
			queries = append(queries, q)
		}
	}
	if len(queries) < 10 {
		t.Errorf("%d queries: %q", len(queries), queries)
	}
	return queries
}

// runRoom runs the program with a debug page, and returns where that is and what ends it.
func runRoom(t *testing.T, args ...string) (page string, end func()) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	urls := make(announced, 1)
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, append(args, "-debug", ":0"), nil, urls, &stderr) }()
	over := false
	end = func() {
		if over {
			return
		}
		over = true
		interrupt()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d, want 0: %s", code, &stderr)
		}
		http.DefaultClient.CloseIdleConnections()
	}
	t.Cleanup(end)
	select {
	case page = <-urls:
	case <-time.After(time.Minute):
		t.Fatal("no URL after a minute")
	}
	return page, end
}

// prometheus is one that runs until the test ends, on a port that the system chose.
type prometheus struct{ url string }

// scrape starts a Prometheus that asks target five times a second.
func scrape(t *testing.T, program, target string) prometheus {
	t.Helper()
	dir := t.TempDir()
	abs, err := filepath.Abs(rules)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [%q]
scrape_configs: [{job_name: chat, static_configs: [{targets: [%q]}]}]
`, abs, strings.TrimPrefix(target, "http://"))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0", "--enable-feature=exemplar-storage")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address, log := make(chan string, 1), make(chan string, 1)
	go func() {
		var all strings.Builder
		at := regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			if m := at.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
		log <- all.String()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		said := <-log
		_ = cmd.Wait() // that it was killed
		if t.Failed() {
			t.Logf("Prometheus said:\n%s", said)
		}
	})
	select {
	case a := <-address:
		return prometheus{url: "http://" + a}
	case <-time.After(time.Minute):
		t.Fatal("Prometheus does not listen after a minute")
		return prometheus{}
	}
}

// wait waits until a query has an answer that is not empty.
func (p prometheus) wait(t *testing.T, query string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		var got struct {
			Data struct{ Result []json.RawMessage }
		}
		p.get(t, "/api/v1/query?query="+url.QueryEscape(query), &got)
		if len(got.Data.Result) > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("no answer after a minute: %s", query)
			return
		}
	}
}

// exemplar returns the trace id of an exemplar of the last minutes.
func (p prometheus) exemplar(t *testing.T, metric string) string {
	t.Helper()
	now := time.Now()
	for deadline := now.Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		var got struct {
			Data []struct {
				Exemplars []struct{ Labels map[string]string }
			}
		}
		p.get(t, fmt.Sprintf("/api/v1/query_exemplars?query=%s&start=%d&end=%d", metric, now.Unix()-300, now.Unix()+300), &got)
		for _, series := range got.Data {
			for _, e := range series.Exemplars {
				return e.Labels["trace_id"]
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("no exemplar of %s after a minute", metric)
		}
	}
}

// get asks, and takes no for no answer yet: Prometheus is not ready at once.
func (p prometheus) get(t *testing.T, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	switch r.StatusCode {
	case http.StatusOK:
		err = json.NewDecoder(r.Body).Decode(into)
	case http.StatusServiceUnavailable:
	default:
		err = fmt.Errorf("%s", r.Status)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func text(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
