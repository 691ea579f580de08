package live_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

// ask asks a handler of v with a query and an Accept header.
func ask(t *testing.T, v *live.View, query, accept string) *http.Response {
	t.Helper()
	return request(t, live.HandlerOf(func(bool) *live.View { return v }), http.MethodGet, query, accept)
}

func request(t *testing.T, h http.Handler, method, query, accept string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/debug/wakechain"+query, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const browserAccepts = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ query, accept, want string }{
		{"", "", "text/plain; charset=utf-8"},
		{"", "*/*", "text/plain; charset=utf-8"},
		{"", browserAccepts, "text/html; charset=utf-8"},
		{"", "application/json", "application/json"},
		{"", "text/html;q=0, text/plain", "text/plain; charset=utf-8"},
		{"?format=html", "*/*", "text/html; charset=utf-8"},
		{"?format=json", browserAccepts, "application/json"},
		{"?format=text", browserAccepts, "text/plain; charset=utf-8"},
	} {
		r := ask(t, stalled(), tt.query, tt.accept)
		if got := r.Header.Get("Content-Type"); r.StatusCode != http.StatusOK || got != tt.want {
			t.Errorf("%q for %q: %d, %q, want 200, %q", tt.query, tt.accept, r.StatusCode, got, tt.want)
		}
		text := body(t, r)
		if !strings.Contains(text, "sen_data has been blocked for 12 s") {
			t.Errorf("%q for %q: no finding in\n%s", tt.query, tt.accept, text)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Accept", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%q for %q: %s is %q, want %q", tt.query, tt.accept, name, got, want)
			}
		}
		if policy := r.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
			t.Errorf("%q for %q: policy %q", tt.query, tt.accept, policy)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"?mim=1s":        `no parameter is called "mim": there are connection, format, min, stacks`,
		"?min=1":         `min is a duration such as 1s or 250ms, not "1"`,
		"?min=-1s":       `min is a duration such as 1s or 250ms, not "-1s"`,
		"?min=1s&min=2s": "min is given 2 times: once, please",
		"?format=xml":    `format is html, text or json, not "xml"`,
		"?stacks=please": `stacks is 1 or 0, not "please"`,
		"?connection=" + strings.Repeat("x", 201): "connection is not text of at most 200 bytes",
		"?connection=%ff":                         "connection is not text of at most 200 bytes",
		"?min=%zz":                                `the query cannot be read: invalid URL escape "%zz"`,
		"?format=%3Cscript%3E":                    `format is html, text or json, not "<script>"`,
	} {
		r := ask(t, stalled(), query, browserAccepts)
		if got := strings.TrimSuffix(body(t, r), "\n"); r.StatusCode != http.StatusBadRequest || got != want {
			t.Errorf("%s: %d %q, want 400 %q", query, r.StatusCode, got, want)
		}
		if got := r.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s: Content-Type %q, want plain text", query, got)
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	var taken atomic.Int64
	h := live.HandlerOf(func(bool) *live.View { taken.Add(1); return stalled() })
	r := request(t, h, http.MethodHead, "", browserAccepts)
	if got := body(t, r); r.StatusCode != http.StatusOK || got != "" || taken.Load() != 0 {
		t.Errorf("HEAD: %d, %d bytes, %d snapshots, want 200 and none", r.StatusCode, len(got), taken.Load())
	}
	if got := r.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("HEAD: Content-Type %q", got)
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
		r := request(t, h, method, "", "")
		if r.StatusCode != http.StatusMethodNotAllowed || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", method, r.StatusCode, r.Header.Get("Allow"))
		}
	}
}

func TestHandlerConcurrentSafe(t *testing.T) {
	t.Parallel()
	var at atomic.Int64
	h := live.HandlerOf(func(bool) *live.View {
		if at.Add(1) > 1 {
			t.Error("two snapshots at a time")
		}
		defer at.Add(-1)
		return stalled()
	})
	var all sync.WaitGroup
	for _, format := range []string{"html", "json", "text"} {
		all.Go(func() {
			for range 10 {
				if r := request(t, h, http.MethodGet, "?format="+format, ""); r.StatusCode != http.StatusOK {
					t.Errorf("%s: %d", format, r.StatusCode)
				}
			}
		})
	}
	all.Wait()
}

// Stacks are taken only on request. Such a page does not refresh itself.
func TestStacksOnRequest(t *testing.T) {
	t.Parallel()
	h := live.HandlerOf(func(stacks bool) *live.View {
		v := stalled()
		if stacks {
			v.Goroutines[0].Site = "main.go:41"
			v.Goroutines[0].Stack = "main.hello()\n\t/src/main.go:41\n"
		}
		return v
	})
	for query, want := range map[string]bool{"": false, "?stacks=0": false, "?stacks=1": true} {
		page := body(t, request(t, h, http.MethodGet, query, "text/html"))
		if got := strings.Contains(page, "main.hello()"); got != want {
			t.Errorf("%q: a stack on the page: %t, want %t", query, got, want)
		}
		if got := strings.Contains(page, `data-every="0"`); got != want {
			t.Errorf("%q: the page stays as it is: %t, want %t", query, got, want)
		}
		if !strings.Contains(page, "all goroutines") {
			t.Errorf("%q: the page does not say that stacks stop all goroutines", query)
		}
		text := body(t, request(t, h, http.MethodGet, query, ""))
		if got := strings.Contains(text, "hello g21 at main.go:41"); got != want {
			t.Errorf("%q: the site in the text: %t, want %t\n%s", query, got, want, text)
		}
	}
}

// JSON that is read again gives the same view.
func TestJSONIsTheView(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]*live.View{"stalled": stalled(), "deadlock": deadlock(), "many": many(100), "empty": newView()} {
		var got live.View
		if err := json.Unmarshal([]byte(body(t, ask(t, v, "?format=json", ""))), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(&got, v) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", name, &got, v)
		}
	}
}

func TestJSONIsBounded(t *testing.T) {
	t.Parallel()
	v := many(25_000)
	var got live.View
	if err := json.Unmarshal([]byte(body(t, ask(t, v, "?format=json", ""))), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Goroutines) != 20_000 || len(got.Connections) != 20_000 || got.Counts.Goroutines != 25_003 {
		t.Errorf("%d goroutines, %d connections of %d, want 20,000 of 25,003", len(got.Goroutines), len(got.Connections), got.Counts.Goroutines)
	}
	stuck := 0
	for _, g := range got.Goroutines {
		if !g.Waits[0].Idle {
			stuck++
		}
	}
	if stuck != 3 {
		t.Errorf("%d of the 3 that are stuck are there", stuck)
	}
}

// Parameters of the URL select what is shown.
func TestFilters(t *testing.T) {
	t.Parallel()
	names := func(query string) (all []string, v *live.View) {
		if err := json.Unmarshal([]byte(body(t, ask(t, stalled(), "?format=json&"+query, ""))), &v); err != nil {
			t.Fatal(err)
		}
		for _, g := range v.Goroutines {
			all = append(all, g.Name)
		}
		return all, v
	}
	for query, want := range map[string][]string{
		"min=1s":                      {"hello", "sen_data", "watch"},
		"min=12500ms":                 {"watch"},
		"min=1h":                      nil,
		"connection=4bf92f3577b34da6": {"hello", "sen_data", "watch"},
		"connection=nobody":           nil,
	} {
		got, v := names(query)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: goroutines %v, want %v", query, got, want)
		}
		if v.Counts.Goroutines != 4 {
			t.Errorf("%s: counts %d goroutines, want all 4", query, v.Counts.Goroutines)
		}
	}
	if page := body(t, ask(t, stalled(), "?connection=nobody", "text/html")); !strings.Contains(page, "No end of a connection has the ID nobody") {
		t.Error("the page does not say that there is no such connection")
	}
	v := many(200)
	for i := range v.Connections {
		if c := v.Connections[i]; c.Writer != nil {
			part := v.Filter(live.Filter{Connection: c.ID})
			if len(part.Goroutines) != 1 || len(part.Connections) != 1 || len(part.Findings) != 1 {
				t.Errorf("%s: %d goroutines, %d connections, %d findings, want 1 of each", c.ID, len(part.Goroutines), len(part.Connections), len(part.Findings))
			}
		}
	}
	if part := v.Filter(live.Filter{Min: time.Hour}); len(part.Goroutines)+len(part.Connections)+len(part.Findings) != 0 || part.Goroutines == nil {
		t.Errorf("an hour: %+v", part)
	}
}

// A name in the view is never markup, and never moves a terminal's cursor.
func TestNamesAreEscaped(t *testing.T) {
	t.Parallel()
	const evil = "<script>alert(1)</script>\x1b[2J\u202e\" onclick=\"x"
	v := stalled()
	v.Processes[0].Name, v.Processes[0].Host = evil, evil
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		g.Name, g.Inner, g.Site, g.Stack = evil, []string{evil}, evil, evil
		for j := range g.Waits {
			w := &g.Waits[j]
			w.Operation, w.Connection = evil, evil
			w.On = &live.On{Kind: "channel", Name: evil}
			w.Holders = []live.Holder{{Name: evil, What: evil}}
		}
	}
	for i := range v.Connections {
		c := &v.Connections[i]
		c.ID, c.Role, c.Local, c.Remote = evil, evil, evil, evil
		c.Reader = &live.Doing{Name: evil, Operation: evil, Reason: evil, Site: evil}
	}
	for _, query := range []string{"?format=html", "?format=html&connection=" + url.QueryEscape(evil), "?format=text"} {
		got := body(t, ask(t, v, query, ""))
		if strings.ContainsAny(got, "\x1b\u202e") {
			t.Errorf("%s: a control character is left", query)
		}
		if !strings.HasPrefix(query, "?format=html") {
			continue
		}
		if n := len(regexp.MustCompile(`(?i)<script`).FindAllString(got, -1)); n != 1 {
			t.Errorf("%s: %d scripts, want the page's own", query, n)
		}
		if strings.Contains(got, `" onclick="`) {
			t.Errorf("%s: a name is an attribute", query)
		}
	}
}
