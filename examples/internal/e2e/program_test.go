// Package e2e_test runs the examples as a user does, as processes of their own,
// with a real Jaeger between them.
package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// mandatory is the variable that makes the tests run: they need a Jaeger, which
// takes minutes to build where there is none yet.
const mandatory = "WAKECHAIN_E2E"

// patience is how long anything may take that is waited for. It is a guard and
// no measure.
const patience = time.Minute

var programs string // the folder that has them

func TestMain(m *testing.M) {
	os.Exit(func() int {
		if os.Getenv(mandatory) == "" {
			return m.Run() // skips
		}
		dir, err := os.MkdirTemp("", "e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		programs = dir + string(filepath.Separator)
		for _, what := range [][2]string{{"../..", "./..."}, {"../../jaeger", "./..."}, {"../../..", "./cmd/..."}} {
			build := exec.Command("go", "build", "-C", what[0], "-o", programs, what[1])
			if out, err := build.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// process is one of the programs, while it runs and after.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{}
}

// start starts a program, with more environment. It ends with the test at the
// latest.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	if programs == "" {
		t.Skipf("it needs a Jaeger, and builds one if there is none, which takes minutes; %s=1 runs it", mandatory)
	}
	p := &process{t: t, cmd: exec.Command(programs+name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // its exit code says it
		close(p.done)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// says waits until the program has printed something that begins with text, and
// returns the rest of that line.
func (p *process) says(text string) string {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		grown := p.stdout.grown()
		if _, rest, ok := strings.Cut(p.stdout.String(), text); ok {
			if line, _, ok := strings.Cut(rest, "\n"); ok {
				return line
			}
		}
		select {
		case <-grown:
			continue
		case <-p.done:
			if strings.Contains(p.stdout.String(), text) {
				continue
			}
		case <-deadline:
		}
		p.t.Fatalf("%v has not said %q:\n%s%s", p.cmd, text, &p.stdout, &p.stderr)
	}
}

// interrupt is Ctrl-C.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Errorf("interrupt %v: %v", p.cmd, err)
	}
}

// ends waits until the program has ended, with success and no complaint.
func (p *process) ends() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%v has not ended:\n%s%s", p.cmd, &p.stdout, &p.stderr)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 || p.stderr.String() != "" {
		p.t.Errorf("%v: exit code %d, want 0; stderr:\n%s", p.cmd, code, &p.stderr)
	}
}

// warnings returns the lines that warn.
func (p *process) warnings() []string {
	var lines []string
	for line := range strings.Lines(p.stdout.String()) {
		if strings.Contains(line, "warning: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// output collects what a program prints, and signals when there is more.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	more chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// grown returns a channel that is closed by the next write.
func (o *output) grown() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more == nil {
		o.more = make(chan struct{})
	}
	return o.more
}
