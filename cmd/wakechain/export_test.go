package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// Exported OTLP gives the same answers as its source.
func TestExportOTLP(t *testing.T) {
	file := filepath.Join(t.TempDir(), "out.json")
	if r := wakechain(t, nil, "export", "-to", "otlp", "-o", file, scenario("stalled"), scenario("lock")); r.code != 0 || r.stdout+r.stderr != "" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", r.code, r.stdout, r.stderr)
	}
	for _, verb := range []string{"tree", "why"} {
		want, got := wakechain(t, nil, verb, scenario("stalled"), scenario("lock")), wakechain(t, nil, verb, file)
		if want != got {
			t.Errorf("%s says\n%s\nwant\n%s", verb, got.stdout, want.stdout)
		}
	}
}

// Perfetto accepts the exported file, which has as many slices as there are spans.
func TestExportPerfetto(t *testing.T) {
	for _, to := range []string{"perfetto", "chrome"} {
		r := wakechain(t, nil, "export", "-to", to, scenario("stalled"))
		var got struct {
			Events []struct {
				Phase string `json:"ph"`
				Name  string `json:"name"`
			} `json:"traceEvents"`
		}
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 0 {
			t.Fatalf("exit code %d, %v: %s", r.code, err, r.stderr)
		}
		n := 0
		for _, e := range got.Events {
			if e.Phase == "X" || e.Phase == "B" {
				n++
			}
		}
		if n != 54 {
			t.Errorf("-to %s: %d slices of 54 spans", to, n)
		}
	}
}

// -json keeps to -limit and -max-bytes.
func TestJSON(t *testing.T) {
	for args, want := range map[string]int{"": 2, "-limit 1": 1} {
		r := wakechain(t, nil, append(append([]string{"why", "-json"}, strings.Fields(args)...), scenario("stalled"))...)
		var got struct {
			Found   int `json:"found"`
			Answers []struct {
				ID    string `json:"id"`
				Spans []any  `json:"spans"`
			} `json:"answers"`
		}
		if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || got.Found != 2 || len(got.Answers) != want || got.Answers[0].ID == "" || len(got.Answers[0].Spans) == 0 {
			t.Errorf("%q: %v\n%s%s", args, err, r.stdout, r.stderr)
		}
	}
	if r := wakechain(t, nil, "why", "-json", "-max-bytes", "4096", scenario("stalled")); len(r.stdout) > 4096 {
		t.Errorf("%d bytes", len(r.stdout))
	}
}
