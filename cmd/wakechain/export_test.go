package main

import (
	"path/filepath"
	"testing"
)

// TestExportOTLP: what was exported answers as its source does.
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
