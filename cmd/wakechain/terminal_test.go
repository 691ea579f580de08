//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asCommand names the environment variable with which the test binary runs as the command.
const asCommand = "WAKECHAIN_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns the command as a process of its own. It is killed after a minute.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// typed is a span as one line, short enough for a terminal's line buffer.
const typed = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","name":"typed","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}` + "\n"

// Ctrl-C ends the command while it reads standard input. It then works on what it has
// read.
func TestInterrupt(t *testing.T) {
	sig := syscall.SIGINT
	if signal.Ignored(sig) { // as in a background job, whose children inherit that
		sig = syscall.SIGTERM
	}
	var stdout, stderr bytes.Buffer
	cmd := command(t, "draw")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// This is more than a pipe holds: once it is written, the command has begun to read.
	if _, err := io.WriteString(in, typed+strings.Repeat(`{"resourceSpans":[]}`+"\n", 20_000)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || !strings.Contains(stderr.String(), "interrupted: this is of 1 span, and not of all") ||
		!strings.Contains(stdout.String(), "typed") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

// When standard input is a terminal, the command says what it waits for.
func TestTerminalInput(t *testing.T) {
	keyboard, terminal := newTerminal(t)
	spans, err := os.ReadFile(scenario("refused"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd := command(t, "draw")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(keyboard, typed+"\x04"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	if !strings.Contains(stdout.String(), "typed") || !strings.Contains(stderr.String(), "reading spans from the terminal") {
		t.Errorf("stdout %q, stderr %q, want the span and what is waited for", &stdout, &stderr)
	}

	// A command that does not read standard input says nothing.
	cmd = command(t, "draw")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(spans), &stderr
	stderr.Reset()
	if err := cmd.Run(); err != nil || stderr.Len() > 0 {
		t.Errorf("%v, stderr %q, want nothing", err, &stderr)
	}
}

// newTerminal returns the two ends of a pseudo terminal.
func newTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { _ = keyboard.Close() })
	fd := int(keyboard.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return keyboard, terminal
}
