//go:build unix

package readme_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wakechain/wakechain/examples/internal/loopback"
)

// mandatory is the variable that makes the commands run, for minutes.
const mandatory = "WAKECHAIN_README"

// TestCommands runs the README's commands in a fresh clone of the committed state, if
// enabled, as in .ci/run. Those that download the module run in an empty one beside it,
// which then has the README's tests. A program that prints that it is ready runs until
// the commands of its block have ended.
func TestCommands(t *testing.T) {
	inStep(t, mandatory+"=1", "go", "test", "-C", "examples", "./internal/readme")
	var clone, empty string
	if os.Getenv(mandatory) != "" {
		clone, empty = t.TempDir(), t.TempDir()
		succeed(t, root, "git", "clone", "--quiet", ".", clone)
		succeed(t, clone, "go", "mod", "download")
		succeed(t, empty, "go", "mod", "init", "example.com/empty")
		succeed(t, empty, "go", "mod", "edit", "-replace=github.com/wakechain/wakechain="+clone)
		for _, example := range []string{"wsconn/example_test.go", "wsconn/wstest/example_test.go"} {
			file := filepath.Join(empty, example)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			pasted := strings.Replace(read(t, example), "func stalledSender(", "func TestStalledSender(", 1)
			if err := os.WriteFile(file, []byte(pasted), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	debug := "127.0.0.1:" + loopback.Ports(t, 1)[0]
	ran := 0
	for _, b := range blocks(t) {
		if b.language != "sh" {
			continue
		}
		t.Run(strings.SplitN(b.text, "\n", 2)[0], func(t *testing.T) {
			for command := range strings.Lines(b.text) {
				command, _, _ = strings.Cut(strings.TrimSpace(command), " #")
				if command == "" {
					continue
				}
				ran++
				switch words := strings.Fields(command); {
				case command == "bash .ci/run": // which runs this
				case words[0] == "go" && words[1] == "test":
					inStep(t, words...)
				case words[0] == "git" && words[1] == "clone": // which is done
				case clone == "":
					t.Skipf("%s=1 runs it", mandatory)
				case words[0] == "docker" && exec.Command("docker", "info").Run() != nil:
					t.Skip("not run: no Docker is running here")
				case words[0] == "go" && words[1] == "get":
					// What it needs is downloaded: no proxy has to know this very version.
					run(t, empty, "GOPROXY=file://"+t.TempDir()+" GOSUMDB=off "+command)
					succeed(t, empty, "go", "test", "./...")
				default:
					// Another program may have the port that the README names.
					run(t, clone, strings.ReplaceAll(command, "127.0.0.1:6060", debug))
				}
			}
		})
	}
	if ran == 0 {
		t.Error("the README has no commands")
	}
}

// inStep holds that a line of .ci/run is this command, but for more flags.
func inStep(t *testing.T, words ...string) {
	t.Helper()
	for line := range strings.Lines(read(t, ".ci/run")) {
		rest := strings.Fields(line)
		if len(rest) == 0 || rest[0] != words[0] || strings.Contains(line, "-run=") {
			continue // none, or only some of the tests
		}
		for _, w := range words {
			i := slices.Index(rest, w)
			if i < 0 {
				rest = nil
				break
			}
			rest = rest[i:]
		}
		if rest != nil {
			return
		}
	}
	t.Errorf("no step of .ci/run has %q", words)
}

func succeed(t *testing.T, dir string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

var ready = regexp.MustCompile(`\bis ready\b`)

// run runs a command as a user does, and logs what it prints. It returns when the
// command has ended, with success, or is ready.
func run(t *testing.T, dir, command string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	f, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C goes to all of them
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			t.Logf("$ %s\n%s", command, printed(t, out))
			if err != nil {
				t.Errorf("%s: %v", command, err)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
		if ready.MatchString(printed(t, out)) {
			t.Cleanup(func() {
				_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
				<-ended
				t.Logf("$ %s\n%s", command, printed(t, out))
			})
			return
		}
	}
}

func printed(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
