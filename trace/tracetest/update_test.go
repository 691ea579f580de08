package tracetest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/tracetest"
)

// testSource is a test as users write it.
const testSource = `package p

func TestDirect(t *testing.T) {
	tracetest.AssertTree(t, c, "")
	tracetest.AssertTree(t, c, "",
		tracetest.Exact())
	wantTree(t, ` + "`" + `
		old
	` + "`" + `)
	for _, tt := range []struct{ want string }{
		{"in a table"}, {"twice"}, {"twice"},
	} {
		tracetest.AssertTree(t, c, tt.want)
	}
}
`

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "p_test.go")
	if err := os.WriteFile(path, []byte(testSource), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		line       int
		want, text string
		err        string
	}{
		{7, "\n\t\told\n\t", "new\n\tbelow\n", ""},
		{4, "", "first\n", ""}, // the lines behind it keep their numbers
		{4, "", "first\n", ""}, // the same call, in a second run
		{4, "", "other\n", "two results for the one at"},
		{6, "", "second\n", ""},
		{13, "in a table", "tabled\n", ""},
		{13, "twice", "x\n", "no literal, or more than one, has it"},
		{13, "elsewhere", "x\n", "no literal, or more than one, has it"},
	} {
		err := tracetest.Rewrite(path, tt.line, tt.want, tt.text)
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("line %d, %q: got error %v, want %q", tt.line, tt.want, err, tt.err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := `package p

func TestDirect(t *testing.T) {
	tracetest.AssertTree(t, c, |
		first
	|)
	tracetest.AssertTree(t, c, |
		second
	|,
		tracetest.Exact())
	wantTree(t, |
		new
			below
	|)
	for _, tt := range []struct{ want string }{
		{|
			tabled
		|}, {"twice"}, {"twice"},
	} {
		tracetest.AssertTree(t, c, tt.want)
	}
}
`
	if want = strings.ReplaceAll(want, "|", "`"); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("got %v, %v, want the mode that it had", info.Mode(), err)
	}
	if err := tracetest.Rewrite(filepath.Join(t.TempDir(), "gone.go"), 1, "", "x"); err == nil {
		t.Error("got no error for a file that is not there")
	}
}

// TestRewriteNotFound: a text that cannot be rewritten fails as before, and says
// why.
func TestRewriteNotFound(t *testing.T) {
	t.Setenv("TRACETEST_UPDATE", "1")
	want := strings.Repeat("root\n", 2)
	fails(t, "not_rewritten", func(tb testing.TB) { tracetest.AssertTree(tb, new(script).chain(), want) })
}

func TestUpdateFlag(t *testing.T) {
	t.Setenv("TRACETEST_UPDATE", "")
	update := tracetest.UpdateFlag()
	if update() {
		t.Error("updates without the flag")
	}
	if err := flag.Set("update", "true"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("update", "false") }()
	if again := tracetest.UpdateFlag(); !update() || !again() {
		t.Error("does not update with the flag")
	}
}
