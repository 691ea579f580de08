package security_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Each test that SECURITY.md names exists.
func TestNamedTests(t *testing.T) {
	page, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z/]+)\\.((?:Test|Fuzz)\\w+)`").FindAllSubmatch(page, -1)
	if len(named) < 20 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, m := range named {
		folder, name := string(m[1]), string(m[2])
		files, _ := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
		declared := regexp.MustCompile(`(?m)^func ` + name + `\(`)
		found := false
		for _, f := range files {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || declared.Match(src)
		}
		if !found {
			t.Errorf("%s has no %s", folder, name)
		}
	}
}
