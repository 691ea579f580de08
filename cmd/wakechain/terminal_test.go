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

// asCommand lets the test binary be the command.
const asCommand = "WAKECHAIN_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns the command as a process of its own, killed if it outlives a
// minute.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// typed is a span in a line so short that a terminal takes it.
const typed = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01000000000000000000000000000000","spanId":"0100000000000000","name":"typed","startTimeUnixNano":"1","endTimeUnixNano":"2"}]}]}]}` + "\n"

// TestInterrupt: Ctrl-C ends the command while it reads standard input, with what
// it has.
func TestInterrupt(t *testing.T) {
	sig := syscall.SIGINT
	if signal.Ignored(sig) { // of a job in the background, and children inherit that
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
	// More than a pipe holds: once it is written, the command is reading.
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

// TestTerminalInput: on a terminal the command says what it waits for.
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

	// And not where it does not wait for it.
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
