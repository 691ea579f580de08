package sched_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/sched"
)

// files returns the names in a folder.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, filepath.Join(dir, e.Name()))
	}
	return names
}

func TestOnStall(t *testing.T) {
	r := sched.NewRecorder()
	start(t, r)
	for name, tc := range map[string]struct {
		opts  []sched.StallOption
		calls int
		want  int
	}{
		"one, and then a minute of none": {nil, 3, 1},
		"number":                         {[]sched.StallOption{sched.WithCoolDown(0), sched.WithMaxFiles(2), nil}, 4, 2},
		"bytes":                          {[]sched.StallOption{sched.WithCoolDown(0), sched.WithMaxFileBytes(1)}, 2, 0},
		"none":                           {[]sched.StallOption{sched.WithMaxFiles(0)}, 1, 0},
		"ignored": {[]sched.StallOption{
			sched.WithCoolDown(time.Hour), sched.WithCoolDown(-1), sched.WithMaxFiles(-1), sched.WithMaxFileBytes(-1),
		}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			snapshot := sched.OnStall(r, dir, tc.opts...)
			var got []string
			for range tc.calls {
				file, err := snapshot()
				if err != nil {
					t.Fatal(err)
				}
				if file != "" {
					got = append(got, file)
				}
			}
			if have := files(t, dir); len(got) != tc.want || len(have) != tc.want {
				t.Errorf("got %q, and in the folder %q, want %d", got, have, tc.want)
			}
		})
	}
}

// If the recorder does not run, the file shows what is blocked at that moment.
func TestOnStallStopped(t *testing.T) {
	r := sched.NewRecorder()
	dir := t.TempDir()
	file, err := sched.OnStall(r, dir)()
	if err != nil {
		t.Fatal(err)
	}
	if r.Running() {
		t.Error("the recorder runs on")
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	logs(t, f) // the trace must be complete
}

func TestOnStallFails(t *testing.T) {
	if _, err := sched.OnStall(sched.NewRecorder(), filepath.Join(t.TempDir(), "missing"))(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	other := sched.NewRecorder()
	start(t, other)
	dir := t.TempDir()
	if _, err := sched.OnStall(sched.NewRecorder(), dir)(); !errors.Is(err, sched.ErrRunning) {
		t.Errorf("beside another: got %v, want ErrRunning", err)
	}
	if have := files(t, dir); len(have) != 0 {
		t.Errorf("it left %q", have)
	}
}
