package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func scenario(name string) string {
	return filepath.Join("..", "..", "trace", "sequence", "testdata", name+".json")
}

// result is the output and the exit code of a run.
type result struct {
	code           int
	stdout, stderr string
}

// wakechain runs the command in this process, without a terminal.
func wakechain(t *testing.T, stdin io.Reader, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, stdio{stdin, &stdout, &stderr, func(string) string { return "" }})
	return result{code, stdout.String(), stderr.String()}
}

func TestRun(t *testing.T) {
	spans, err := os.ReadFile(scenario("refused"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		args  string // @ stands for the scenarios' folder
		stdin string
		want  string
	}{
		{"answers", "why @stalled.json", "", "sender-stalled"},
		{"a number of answers", "why -limit 1 @stalled.json", "", "and 1 more finding"},
		{"flags behind", "why @stalled.json -limit 1", "", "and 1 more finding"},
		{"nothing wrong", "why @echo.json", "", "Nothing found in 174 spans of 2 services"},
		{"a tree", "tree @refused.json", "", "✗ 403"},
		{"a part of a tree", "tree -only-service socket_start -key error.type -lines 5 -unfold -depth 9 @refused.json", "", "error.type=403"},
		{"a tree in ASCII", "tree -ascii @lock.json", "", "|- lock"},
		{"what a tree has of blocks", "tree -blocked 70ms @lock.json", "", "block"},
		{"text of a file", "draw @refused.json", "", "403 · refused: origin"},
		{"standard input", "draw", string(spans), "403 · refused: origin"},
		{"standard input by name", "draw -format plantuml -", string(spans), "@startuml"},
		{"several files", "draw -format js @refused.json @lock.json", "", "carol"},
		{"services", "draw -by service @lock.json", "", "go alice"},
		{"what blocked", "draw -blocked 70ms -time linear @lock.json", "", "lock · blocked 80.9 ms"},
		{"a title", "draw -format mermaid -title why @lock.json", "", "title why"},
		{"a filter", "draw -only-goroutine bob -unfold -from 10ms -rows 100 -width 60 @lock.json", "", "bob"},
		{"colors", "draw -color always @lock.json", "", "\x1b["},
		{"what is there", "check @stalled.json", "", "54 spans of 1 trace"},
		{"what is there, as JSON", "check -json @stalled.json", "", `"traces": 1,`},
		{"the version", "version", "", "linux"},
		{"the verbs", "help", "", "wakechain VERB -h"},
		{"the verbs by flag", "-h", "", "wakechain VERB -h"},
		{"one verb", "help draw", "", "-only-goroutine name"},
		{"one verb by flag", "draw -h", "", "-only-goroutine name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(tt.args, "@", filepath.Dir(scenario(""))+"/"))
			r := wakechain(t, strings.NewReader(tt.stdin), args...)
			if r.code != 0 || r.stderr != "" {
				t.Fatalf("exit code %d, stderr %q", r.code, r.stderr)
			}
			if !strings.Contains(r.stdout, tt.want) && tt.name != "the version" {
				t.Errorf("got\n%swant %q in it", r.stdout, tt.want)
			}
			if strings.Contains(r.stdout, "\x1b") != (tt.name == "colors") {
				t.Errorf("colors, or none where they were asked for:\n%q", r.stdout)
			}
		})
	}
}

func TestBadInput(t *testing.T) {
	down := httptest.NewServer(nil)
	down.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	defer gone.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello") }))
	defer page.Close()
	full := filepath.Join(t.TempDir(), "no", "folder.svg")
	for _, tt := range []struct {
		name, args, stdin string
		code              int
		want              string
	}{
		{"no verb", "nope", "", 2, `no verb is called "nope" (wakechain help lists them)`},
		{"help of no verb", "help nope", "", 2, `no verb is called "nope"`},
		{"unknown flag", "draw -nope", "", 2, "flag provided but not defined: -nope (wakechain draw -h says how)"},
		{"a control character", "draw -\x1b[2J", "", 2, `-\x1b[2J`},
		{"format", "draw -format gif", "", 2, `no format "gif"`},
		{"extension", "draw -o x.gif", "", 2, `".gif"`},
		{"time", "draw -time fast", "", 2, "one of compact, linear"},
		{"by", "draw -by thread", "", 2, "one of goroutine, service, connection"},
		{"rows", "draw -rows -1", "", 2, "not negative"},
		{"lines", "tree -lines -1", "", 2, "not negative"},
		{"limit", "why -limit -1", "", 2, "not negative"},
		{"color", "why -color red", "", 2, "auto, always or never"},
		{"width", "why -width -1", "", 2, "not negative"},
		{"timeout", "why -timeout 0s", "", 2, "more than 0"},
		{"severity", "why -fail-on bad", "", 2, "one of info, warning, problem"},
		{"a query of a file", "why -service x f", "", 2, "the URL of a Jaeger"},
		{"no URL", "why -service x http://", "", 2, "a URL is such as"},
		{"no process", "ps", "", 2, "the URL of a debug page is missing"},
		{"min", "ps -min -1s x", "", 2, "not negative"},
		{"no shell", "completion csh", "", 2, "bash, zsh and fish"},
		{"no file", "why no/such/file", "", 1, "no/such/file"},
		{"a folder", "why testdata", "", 1, "wakechain why: testdata is a folder, not a file of spans\n"},
		{"a filter that hides all", "draw -only-service nope @lock.json", "", 1, "spans, which are of workshop"},
		{"no JSON", "why", "spans, please", 1, "standard input"},
		{"no spans", "why", "{}", 1, "there are no spans in standard input"},
		{"nothing", "why", "", 1, "there are no spans"},
		{"no folder", "draw -o " + full + " @lock.json", "", 1, "no such file"},
		{"nobody there", "why " + down.URL, "", 1, "connection refused"},
		{"nothing there", "ps " + gone.URL, "", 1, "404 Not Found: 404 page not found"},
		{"a page of something else", "ps " + page.URL, "", 1, "not the debug page"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(tt.args, "@", filepath.Dir(scenario(""))+"/"))
			r := wakechain(t, strings.NewReader(tt.stdin), args...)
			if r.code != tt.code {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			if !strings.Contains(r.stderr, tt.want) || strings.Count(r.stderr, "\n") != 1 || strings.Contains(r.stderr, "\x1b") {
				t.Errorf("stderr %q, want one line with %q", r.stderr, tt.want)
			}
			if r.stdout != "" {
				t.Errorf("stdout %q, want nothing", r.stdout)
			}
		})
	}
}

// Exit codes are those that scripts rely on.
func TestExitCodes(t *testing.T) {
	problem := scenario("deadlock")
	for _, tt := range []struct {
		code int
		args []string
	}{
		{0, []string{"why", problem}},
		{3, []string{"why", "-fail-on", "problem", problem}},
		{3, []string{"why", "-fail-on", "warning", scenario("stalled")}},
		{0, []string{"why", "-fail-on", "problem", scenario("echo")}},
		{0, []string{"check", "-strict", scenario("echo")}},
		{2, nil},
	} {
		if r := wakechain(t, nil, tt.args...); r.code != tt.code {
			t.Errorf("%q: exit code %d, want %d: %s%s", tt.args, r.code, tt.code, r.stdout, r.stderr)
		}
	}
}

// Spans that a file lacks are counted.
func TestMissing(t *testing.T) {
	b, err := os.ReadFile(scenario("channel"))
	if err != nil {
		t.Fatal(err)
	}
	// The first line has the first spans of the first service. Without it, parents are
	// missing.
	whole := string(b)
	at := strings.Index(whole, `"parentSpanId":"`) + len(`"parentSpanId":"`)
	in := whole[:at] + "dddddddddddddddd" + whole[at+16:]
	for range 2 {
		r := wakechain(t, strings.NewReader(in), "check", "-strict")
		if r.code != 3 || !strings.Contains(r.stdout, "missing: 1 span names a parent that is not there") {
			t.Errorf("exit code %d, want 3\n%s%s", r.code, r.stdout, r.stderr)
		}
	}
	r := wakechain(t, strings.NewReader(in), "check", "-json")
	if !strings.Contains(r.stdout, `"no_parent": 1`) || !strings.Contains(r.stdout, `"whole": false`) {
		t.Errorf("got %s", r.stdout)
	}
}

// Names in a trace do not move the cursor.
func TestEscaped(t *testing.T) {
	for _, verb := range []string{"why", "tree", "draw", "check"} {
		r := wakechain(t, nil, verb, filepath.Join("testdata", "hostile.json"))
		if r.code != 0 {
			t.Errorf("%s: exit code %d: %s", verb, r.code, r.stderr)
		}
		for _, c := range r.stdout + r.stderr {
			if c < ' ' && c != '\n' || c == 0x7F || c >= 0x80 && c < 0xA0 || c == 0x202E || c == 0x200B {
				t.Errorf("%s: the character %q", verb, c)
				break
			}
		}
	}
}

// No line of the output is wider than -width says.
func TestWidth(t *testing.T) {
	for _, verb := range []string{"why", "tree", "draw", "check"} {
		r := wakechain(t, nil, verb, "-width", "60", scenario("stalled"))
		for line := range strings.Lines(r.stdout) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 60 {
				t.Errorf("%s: %d columns: %s", verb, n, line)
			}
		}
	}
}
