package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wakechain/wakechain/examples/internal/browser"
	"github.com/wakechain/wakechain/examples/internal/telemetry"
)

// output is what a program prints, with a channel that says when it is ready.
type output struct {
	bytes.Buffer
	url   string
	ready chan struct{}
}

var pageURL = regexp.MustCompile(`http://\S+/debug/wakechain`)

func (o *output) Write(p []byte) (int, error) {
	if url := pageURL.Find(p); url != nil {
		o.url = string(url)
	}
	n, err := o.Buffer.Write(p)
	if strings.Contains(string(p), "is ready to be looked at") {
		close(o.ready)
	}
	return n, err
}

// hold runs the program until it is stuck and has said so. It ends with the test.
func hold(t *testing.T) *output {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	o := &output{ready: make(chan struct{})}
	var stderr bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"-hold", "-work", "10ms", "-debug", ":0"}, &telemetry.LockedWriter{W: o}, &stderr)
	}()
	t.Cleanup(func() {
		interrupt()
		if code := <-ended; code != 0 {
			t.Errorf("exit code %d, want 0: %s", code, &stderr)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	select {
	case <-o.ready:
	case <-time.After(time.Minute):
		t.Fatal("not stuck after a minute")
	}
	return o
}

func get(t *testing.T, url string) []byte {
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
	return b
}

// TestHold holds that the program says while it is stuck what is stuck, as does the
// page for a terminal, and that its JSON is as the schema in the docs says.
func TestHold(t *testing.T) {
	o := hold(t)
	for name, text := range map[string]string{"printed": o.String(), "the page": string(get(t, o.url+"?min=1s"))} {
		for _, want := range []string{"sen_data has been blocked", "its reader hello is in sleep", "net.write peer_window", "STALLED"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %q in\n%s", name, want, text)
			}
		}
		if strings.Contains(text, "HEAD") {
			t.Errorf("%s: it says twice whom the write waits for:\n%s", name, text)
		}
	}
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "live.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"?format=json", "?format=json&min=1h", "?format=json&stacks=1"} {
		answer := get(t, o.url+query)
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(answer))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	var v map[string]any
	if err := json.Unmarshal(get(t, o.url+"?format=json"), &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "counts")
	if schema.Validate(v) == nil {
		t.Error("the schema takes an answer without counts")
	}
}

// TestPageInBrowser holds that the page shows the stall, looks again by itself,
// complains of nothing, fetches nothing else, and fits a narrow window.
func TestPageInBrowser(t *testing.T) {
	b := browser.New(t)
	o := hold(t)
	b.Look(t, 1240, 900, false)
	b.Open(t, o.url)
	text := browser.Eval[string](t, b, `document.querySelector('main').innerText`)
	for _, want := range []string{"STALLED", "sen_data", "peer_window", "its reader hello is in sleep"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
	const age = `document.querySelector('.stalled h2 i').textContent`
	before := browser.Eval[string](t, b, age)
	after := browser.Eval[string](t, b, `new Promise(changed => {
		const before = `+age+`;
		new MutationObserver(() => { if (`+age+` !== before) changed(`+age+`); }).observe(document.body, {childList: true, subtree: true});
	})`)
	if before == after || !strings.HasPrefix(after, "for ") {
		t.Errorf("the age was %q and is %q", before, after)
	}
	light := browser.Eval[string](t, b, `getComputedStyle(document.body).backgroundColor`)
	b.Look(t, 1240, 900, true)
	if dark := browser.Eval[string](t, b, `getComputedStyle(document.body).backgroundColor`); dark == light {
		t.Errorf("the background is %s, dark or not", dark)
	}
	b.Look(t, 390, 844, false)
	if got := browser.Eval[int](t, b, `document.documentElement.scrollWidth`); got > 390 {
		t.Errorf("the page is %d px wide in a window of 390", got)
	}
	b.Clean(t, o.url)
	b.Pictures(t, o.url, "stalledsender")
	if got := browser.Eval[string](t, b, `(() => {
		const s = document.createElement('script');
		s.textContent = 'window.pwned = true';
		document.body.append(s);
		const i = document.createElement('div');
		i.innerHTML = '<img src=x onerror="window.pwned = true">';
		return String(window.pwned);
	})()`); got != "undefined" {
		t.Errorf("the policy lets a script run that came from elsewhere")
	}
}
