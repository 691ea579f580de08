package sched_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	rtrace "runtime/trace"

	exptrace "golang.org/x/exp/trace"

	"github.com/wakechain/wakechain/trace/sched"
)

// logs returns the messages of the category "test" in a trace, which must be complete.
func logs(t *testing.T, r io.Reader) (all []string) {
	t.Helper()
	rd, err := exptrace.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	for {
		ev, err := rd.ReadEvent()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind() == exptrace.EventLog && ev.Log().Category == "test" {
			all = append(all, ev.Log().Message)
		}
	}
}

func log(t *testing.T, message string) { rtrace.Log(t.Context(), "test", message) }

func start(t *testing.T, r *sched.Recorder) {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
}

func TestRecorder(t *testing.T) {
	r := sched.NewRecorder(sched.WithWindow(time.Minute), sched.WithMaxBytes(1<<20), nil)
	if _, err := r.WriteTo(io.Discard); !errors.Is(err, sched.ErrNotRunning) {
		t.Errorf("before Start: got %v, want ErrNotRunning", err)
	}
	for _, want := range []string{"one", "two"} { // the recorder starts again, with nothing in it
		start(t, r)
		if err := r.Start(); err != nil || !r.Running() {
			t.Errorf("second Start: got %v, running %v", err, r.Running())
		}
		log(t, want)
		var buf bytes.Buffer
		n, err := r.WriteTo(&buf)
		if err != nil || n != int64(buf.Len()) {
			t.Fatalf("WriteTo: got %d, %v for %d bytes", n, err, buf.Len())
		}
		if got := logs(t, &buf); len(got) != 1 || got[0] != want {
			t.Errorf("got the logs %q, want %q", got, want)
		}
		r.Stop()
		r.Stop()
		if r.Running() {
			t.Error("it runs after Stop")
		}
	}
}

func TestRecorderBesideAnother(t *testing.T) {
	theirs := rtrace.NewFlightRecorder(rtrace.FlightRecorderConfig{})
	if err := theirs.Start(); err != nil {
		t.Fatal(err)
	}
	defer theirs.Stop()
	log(t, "before")
	if err := sched.NewRecorder().Start(); !errors.Is(err, sched.ErrRunning) {
		t.Errorf("beside another: got %v, want ErrRunning", err)
	}

	r := sched.NewRecorder(sched.WithFlightRecorder(theirs), sched.WithFlightRecorder(nil))
	start(t, r)
	var buf bytes.Buffer
	if _, err := r.WriteTo(&buf); err != nil {
		t.Fatal(err)
	}
	if got := logs(t, &buf); len(got) != 1 {
		t.Errorf("got the logs %q, want what the recorder had before", got)
	}
	r.Stop()
	if !theirs.Enabled() {
		t.Error("Stop ended a recorder that ran before")
	}
	theirs.Stop()
	start(t, r) // it is not running any more: this starts it, and stops it at the end
	r.Stop()
	if theirs.Enabled() {
		t.Error("Stop left running what Start had started")
	}
}

func TestRecorderConcurrentSafe(t *testing.T) {
	r := sched.NewRecorder()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_ = r.Start()
			_, _ = r.WriteTo(io.Discard)
			_ = r.Running()
			r.Stop()
		})
	}
	wg.Wait()
	if r.Running() {
		t.Error("it runs after the last Stop")
	}
}

func TestWriteFile(t *testing.T) {
	r := sched.NewRecorder()
	dir := t.TempDir()
	name := filepath.Join(dir, "a.trace")
	if err := r.WriteFile(name); !errors.Is(err, sched.ErrNotRunning) {
		t.Errorf("before Start: got %v, want ErrNotRunning", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a file that failed left %v", left)
	}
	start(t, r)
	log(t, "file")
	if err := r.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := logs(t, f); len(got) != 1 {
		t.Errorf("got the logs %q, want one", got)
	}
	if err := r.WriteFile(filepath.Join(dir, "missing", "a.trace")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that is missing: got %v, want ErrNotExist", err)
	}
}

// slow is a writer whose first Write waits.
type slow struct {
	once           sync.Once
	entered, leave chan struct{}
}

func (w *slow) Write(p []byte) (int, error) {
	w.once.Do(func() {
		close(w.entered)
		<-w.leave
	})
	return len(p), nil
}

// A slow writer, such as a client that does not read, delays neither other writers nor
// Stop.
func TestRecorderSlowWriter(t *testing.T) {
	r := sched.NewRecorder(sched.WithMaxBytes(1 << 20))
	start(t, r)
	w := &slow{entered: make(chan struct{}), leave: make(chan struct{})}
	written := make(chan error, 1)
	go func() {
		_, err := r.WriteTo(w)
		written <- err
	}()
	<-w.entered
	others := make(chan struct{})
	go func() {
		defer close(others)
		if _, err := r.WriteTo(io.Discard); err != nil || !r.Running() {
			t.Errorf("another writer: got %v", err)
		}
		r.Stop()
	}()
	select {
	case <-others:
	case <-time.After(30 * time.Second):
		t.Error("others wait for the slow writer")
	}
	close(w.leave)
	if err := <-written; err != nil {
		t.Error(err)
	}
	<-others
}
