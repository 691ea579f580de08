package schedread_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Traces that each of these versions of Go wrote can be read. All are of one program: see
// testdata/versions/main.go.
func TestVersions(t *testing.T) {
	for _, version := range []string{"go1.22", "go1.23", "go1.24", "go1.25", "go1.26"} {
		t.Run(version, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata", "versions", version+".trace"))
			if err != nil {
				t.Fatal(err)
			}
			tr := read(t, data)
			if dated := tr.Start.Year() > 2000; dated != (version >= "go1.25") {
				t.Errorf("it starts at %v", tr.Start)
			}
			c := chain.New(tr.Spans())
			var got []string
			for _, name := range []string{"holder", "waiter", "main"} {
				launch := c.Named(name)
				if len(launch) != 1 {
					t.Fatalf("%d goroutines are %q:\n%v", len(launch), name, c)
				}
				for _, op := range operations(c, launch[0].Int(semconv.GoroutineIDKey)) {
					got = append(got, name+": "+line(op))
				}
			}
			want := []string{
				"holder: sleep holder timer",
				"waiter: lock waiter unlocked by holder in holder",
				"main: recv main received by holder in holder",
				"main: recv main received by waiter in waiter",
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"), c)
			}
		})
	}
}

// A trace that cannot be read gives an error of one clear line.
func TestOtherVersions(t *testing.T) {
	for head, want := range map[string]string{
		"go 1.27 trace\x00\x00\x00": "schedread: a trace of Go 1.27; those of Go 1.22 to 1.26 are read: a newer wakechain may know it",
		"go 1.21 trace\x00\x00\x00": "schedread: a trace of Go 1.21 or before 1.22; those of Go 1.22 to 1.26 are read",
		"go 1.x trace\x00\x00\x00":  "schedread: this is no execution trace of Go",
		"":                          "schedread: this is no execution trace of Go",
	} {
		if _, err := schedread.Read(strings.NewReader(head)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", head, err, want)
		}
	}
	if _, err := schedread.Read(broken{}); err == nil || !strings.Contains(err.Error(), io.ErrClosedPipe.Error()) {
		t.Errorf("got %v, want the reader's error", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A trace that ends early gives the spans before its end.
func TestTruncated(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "versions", "go1.26.trace"))
	if err != nil {
		t.Fatal(err)
	}
	tr, err := schedread.Read(bytes.NewReader(data[:len(data)/2]))
	if err == nil || tr == nil {
		t.Fatalf("got %v, %v", tr, err)
	}
}

// FuzzRead reads any input. It neither panics nor hangs, and the spans make a chain.
func FuzzRead(f *testing.F) {
	names, err := filepath.Glob("testdata/versions/*.trace")
	if err != nil || len(names) == 0 {
		f.Fatal("no traces")
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := schedread.Read(bytes.NewReader(data), schedread.WithMaxBlocks(10))
		if tr == nil {
			if err == nil {
				t.Error("neither a trace nor an error")
			}
			return
		}
		_ = chain.New(tr.Spans()).String()
	})
}
