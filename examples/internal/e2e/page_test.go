package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nhooyr.io/websocket"
)

// pageSettings are those of docs/jaeger-ui.json, by the type Config of Jaeger UI v1.76.0
// (packages/jaeger-ui/src/types/config.tsx), which has many more. The page ignores what
// it does not know.
type pageSettings struct {
	LinkPatterns   []linkPattern `json:"linkPatterns"`
	TopTagPrefixes []string      `json:"topTagPrefixes"`
}

// linkPattern makes a link of a tag's value. Its texts have #{names} of the tags of the
// span, of its process, or of what is above it.
type linkPattern struct {
	Type string `json:"type"` // process, tags, logs or traces
	Key  string `json:"key"`
	URL  string `json:"url"`
	Text string `json:"text"`
}

func readPageSettings(t *testing.T) (s pageSettings) {
	t.Helper()
	text, err := os.ReadFile(pageConfig)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		t.Fatalf("%s: %v", pageConfig, err)
	}
	return s
}

var parameter = regexp.MustCompile(`#\{([^{}]*)\}`)

// TestPageSettings holds the configuration of Jaeger's page against what that knows, and
// against the names of the spans' attributes.
func TestPageSettings(t *testing.T) {
	s := readPageSettings(t)
	known, err := os.ReadFile("../../../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.LinkPatterns {
		if !slices.Contains([]string{"process", "tags", "logs", "traces"}, l.Type) {
			t.Errorf("link pattern of type %q", l.Type)
		}
		if !strings.Contains(string(known), "| `"+l.Key+"`") {
			t.Errorf("link of %q, which no span has", l.Key)
		}
		if l.URL == "" || l.Text == "" {
			t.Errorf("link without a URL or a text: %+v", l)
		}
		for _, p := range parameter.FindAllStringSubmatch(l.URL+l.Text, -1) {
			if p[1] != l.Key && p[1] != "service" && p[1] != "trace.traceID" {
				t.Errorf("link with %q, which is not known there", p[1])
			}
		}
	}
	for _, p := range s.TopTagPrefixes {
		if !strings.Contains(string(known), "| `"+p) {
			t.Errorf("no attribute begins with %q", p)
		}
	}
}

// follow returns the ids of the traces that Jaeger's page finds by the link of a span's
// tag, which it makes with the tags of the span and of its process.
func (j *jaeger) follow(key, id string) (ids []string) {
	j.t.Helper()
	type tag struct{ Key, Value any }
	var answer struct {
		Data []struct {
			Spans []struct {
				ProcessID string
				Tags      []tag
			}
			Processes map[string]struct{ Tags []tag }
		}
	}
	j.get("/api/traces/"+id, nil, func(r *http.Response) error { return json.NewDecoder(r.Body).Decode(&answer) })
	value := func(tags []tag, key string) string {
		for _, t := range tags {
			if t.Key == key {
				s, _ := t.Value.(string)
				return s
			}
		}
		return ""
	}
	for _, l := range readPageSettings(j.t).LinkPatterns {
		for _, s := range answer.Data[0].Spans {
			if l.Key != key || value(s.Tags, key) == "" {
				continue
			}
			link := parameter.ReplaceAllStringFunc(l.URL, func(p string) string {
				name := p[2 : len(p)-1]
				v := value(s.Tags, name)
				if v == "" {
					v = value(answer.Data[0].Processes[s.ProcessID].Tags, name)
				}
				return url.QueryEscape(v)
			})
			u, err := url.Parse(link)
			if err != nil {
				j.t.Fatal(err)
			}
			return j.search(u.Query())
		}
	}
	j.t.Fatalf("trace %s has no tag %s with a link", id, key)
	return nil
}

// TestPageIsConfigured has Jaeger serve its page with the configuration.
func TestPageIsConfigured(t *testing.T) {
	j := newJaeger(t)
	j.start()
	var page string
	j.get("/search", nil, func(r *http.Response) error {
		text, err := io.ReadAll(r.Body)
		page = string(text)
		return err
	})
	_, after, found := strings.Cut(page, "JAEGER_CONFIG = ")
	var got pageSettings
	if err := json.NewDecoder(strings.NewReader(after)).Decode(&got); err != nil || !found {
		t.Fatalf("the page has no configuration (%v):\n%s", err, page)
	}
	want := readPageSettings(t)
	if !slices.Equal(got.LinkPatterns, want.LinkPatterns) || !slices.Equal(got.TopTagPrefixes, want.TopTagPrefixes) {
		t.Errorf("the page has %+v, want %+v", got, want)
	}
}

// TestNoWarnings runs each of the examples that send spans: Jaeger's page warns of none
// of their traces.
func TestNoWarnings(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spans func(t *testing.T, env []string)
	}{
		{"echo", func(t *testing.T, env []string) { start(t, env, "echo").ends() }},
		{"chat", func(t *testing.T, env []string) { start(t, env, "chat", "-demo").ends() }},
		{"stalledsender", func(t *testing.T, env []string) { start(t, env, "stalledsender").ends() }},
		{"existing, before", func(t *testing.T, env []string) { prices(t, env, "before") }},
		{"existing, after", func(t *testing.T, env []string) { prices(t, env, "after") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := newJaeger(t)
			j.start()
			tt.spans(t, j.env())
			n := 0
			for _, service := range j.services() {
				for _, id := range j.search(url.Values{"service": {service}, "limit": {"1000"}}) {
					spans, warnings := j.page(traceID(t, id))
					if n += len(spans); len(warnings) > 0 {
						t.Errorf("of %s: the page warns %d times: %q", service, len(warnings), warnings[0])
					}
				}
			}
			if n == 0 {
				t.Error("Jaeger has no spans")
			}
		})
	}
}

// services returns the names of all services that Jaeger knows.
func (j *jaeger) services() (names []string) {
	j.t.Helper()
	j.get("/api/services", nil, func(r *http.Response) error {
		var answer struct{ Data []string }
		err := json.NewDecoder(r.Body).Decode(&answer)
		names = answer.Data
		return err
	})
	return names
}

// prices runs a program of examples/existing, with a client that asks it for a price.
func prices(t *testing.T, env []string, name string) {
	t.Helper()
	p := start(t, env, name)
	c, _, err := websocket.Dial(t.Context(), p.says("listens on "), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("tea")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	p.interrupt()
	p.ends()
}
