//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// typist types at a pseudo terminal and reads what it shows.
type typist struct {
	t        *testing.T
	keyboard *os.File
	terminal *os.File
	cmd      *exec.Cmd

	mu    sync.Mutex
	shown bytes.Buffer
	grown chan struct{}
}

// sit starts the command on a terminal of this size.
func sit(t *testing.T, columns, rows uint16, args ...string) *typist {
	t.Helper()
	p := &typist{t: t, grown: make(chan struct{}, 1)}
	p.keyboard, p.terminal = newTerminal(t)
	p.resize(columns, rows)
	p.cmd = command(t, args...)
	p.cmd.Env = append(p.cmd.Env, "TERM=xterm-256color")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = p.terminal, p.terminal, p.terminal
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := p.keyboard.Read(b)
			p.mu.Lock()
			p.shown.Write(b[:n])
			p.mu.Unlock()
			select {
			case p.grown <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *typist) resize(columns, rows uint16) {
	p.t.Helper()
	if err := unix.IoctlSetWinsize(int(p.keyboard.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: rows}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *typist) types(keys string) {
	p.t.Helper()
	if _, err := io.WriteString(p.keyboard, keys); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits until ok accepts what the terminal shows from now on.
func (p *typist) sees(what string, ok func(string) bool) {
	p.t.Helper()
	p.mu.Lock()
	from := p.shown.Len()
	p.mu.Unlock()
	p.seesFrom(from, what, ok)
}

func (p *typist) seesFrom(from int, what string, ok func(string) bool) {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		shown := p.shown.String()[from:]
		p.mu.Unlock()
		if ok(shown) {
			return
		}
		select {
		case <-p.grown:
		case <-deadline:
			p.t.Fatalf("the terminal does not show %s:\n%q", what, shown)
		}
	}
}

func has1(s string) func(string) bool {
	return func(shown string) bool { return strings.Contains(shown, s) }
}

// ends waits for the command, and returns its exit code.
func (p *typist) ends() int {
	p.t.Helper()
	_ = p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// The keys work and the page follows the window's size. However top ends, the terminal is
// left as it was.
func TestTop(t *testing.T) {
	at := stuck(t)
	for name, tt := range map[string]struct {
		end  func(*typist)
		code int
	}{
		"q":       {func(p *typist) { p.types("q") }, 0},
		"Ctrl-C":  {func(p *typist) { p.types("\x03") }, 0},
		"SIGTERM": {func(p *typist) { _ = p.cmd.Process.Signal(syscall.SIGTERM) }, exitInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			p := sit(t, 100, 20, "top", "-every", "100ms", at)
			before, err := term.GetState(int(p.terminal.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			p.seesFrom(0, "the goroutine", has1("waiter"))
			p.types("\r")
			p.sees("all about it", has1("has been blocked"))
			p.types("/nobody\r")
			p.sees("that nobody is left", has1("nothing to show"))
			p.types("\x1b")
			p.sees("all again", has1("waiter"))
			p.resize(44, 10)
			p.sees("a page of the new size", func(s string) bool {
				// The heading fills the width: as many columns as the terminal has. Pages of the
				// size before may still come.
				for _, s := range strings.Split(s, "\x1b[7m")[1:] {
					if line, _, end := strings.Cut(s, "\x1b[0m"); end && len(line) == 44 {
						return true
					}
				}
				return false
			})
			tt.end(p)
			if code := p.ends(); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			p.seesFrom(0, "the page before", func(s string) bool { return strings.HasSuffix(s, leaveScreen) })
			if after, err := term.GetState(int(p.terminal.Fd())); err != nil || *after != *before {
				t.Errorf("the terminal is in another state: %v\n%v\n%v", err, after, before)
			}
		})
	}
}

// The terminal is restored before a panic is printed.
func TestScreenAfterPanic(t *testing.T) {
	keyboard, terminal := newTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		scr, err := openScreen(terminal, terminal)
		if err != nil {
			t.Fatal(err)
		}
		defer scr.close()
		panic("as a mistake would")
	}()
	var got string
	b := make([]byte, 200)
	for !strings.HasSuffix(got, leaveScreen) { // already written: a read does not wait
		n, err := keyboard.Read(b)
		if got += string(b[:n]); err != nil {
			t.Fatalf("%v: the terminal has %q", err, got)
		}
	}
	if after, err := term.GetState(int(terminal.Fd())); err != nil || *after != *before {
		t.Errorf("the terminal is in another state: %v\n%v\n%v", err, after, before)
	}
}

// Without a terminal, top names the command to use.
func TestTopWithoutTerminal(t *testing.T) {
	if r := wakechain(t, nil, "top", "127.0.0.1:1"); r.code != 1 || !strings.Contains(r.stderr, "wakechain ps writes once") {
		t.Errorf("exit code %d, stderr %q", r.code, r.stderr)
	}
}

// A source that takes long shows its progress on a terminal, and clears it at the end.
func TestProgress(t *testing.T) {
	pipe, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	keyboard, terminal := newTerminal(t)
	var stdout bytes.Buffer
	cmd := command(t, "draw")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipe, &stdout, terminal
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = pipe.Close()
	b := make([]byte, 4096)
	n, err := keyboard.Read(b) // the progress appears after a second
	if err != nil || !strings.Contains(string(b[:n]), "reading standard input: 0 B") {
		t.Errorf("%v: the terminal shows %q", err, b[:n])
	}
	if _, err := io.WriteString(in, typed); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), "typed") {
		t.Errorf("%v: %s", err, &stdout)
	}
	var last string
	for !strings.HasSuffix(last, "\r\x1b[K") {
		n, err := keyboard.Read(b)
		if last += string(b[:n]); err != nil {
			t.Fatalf("%v: the terminal shows %q", err, last)
		}
	}
}
