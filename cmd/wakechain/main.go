// Wakechain answers who was blocked, on what and why, and what woke it: from the spans of a
// program, from its execution trace, or from the running program.
//
//	wakechain why spans.json                                  what went wrong, the most severe first
//	wakechain draw -o stall.html spans.json                   a diagram to open in a browser
//	wakechain ps http://127.0.0.1:6060/debug/wakechain        what is stuck right now
//
// wakechain help lists the verbs, and wakechain VERB -h describes one of them.
// docs/command.md has the same.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

//go:generate go test -run=^TestPage$ . -update

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the work, and the command answers with what it has. A second
	// one ends the process.
	context.AfterFunc(ctx, stop)
	code := run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr, os.Getenv})
	stop()
	os.Exit(code)
}

// stdio is the command's environment.
type stdio struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
}

// Exit codes.
const (
	exitAnswered    = 0
	exitFailed      = 1
	exitUsage       = 2
	exitFound       = 3
	exitInterrupted = 130 // as in a shell
)

// errFound is returned if a script found what it searched for. The answer has been printed.
var errFound = errors.New("found")

// errInterrupted is returned if the answer is about a part of the spans. It has been
// printed.
var errInterrupted = errors.New("interrupted")

// usageError is a mistake in the arguments.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// run is main for tests. It returns the exit code.
func run(ctx context.Context, args []string, std stdio) int {
	name := "help"
	if len(args) > 0 {
		name = args[0]
	}
	v := verbNamed(name)
	if v == nil {
		fmt.Fprintf(std.err, "wakechain: no verb is called %q (wakechain help lists them)\n", printable(name))
		return exitUsage
	}
	if len(args) == 0 {
		v.help(std.err, nil)
		return exitUsage
	}
	f := newFlags(v)
	rest, err := f.parse(args[1:])
	if errors.Is(err, errHelp) {
		v.usage(std.out, f)
		return exitAnswered
	}
	s := &session{stdio: std, ctx: ctx, flags: f}
	if err == nil {
		err = f.run(s, rest)
	}
	var usage usageError
	switch {
	case err == nil:
		return exitAnswered
	case errors.Is(err, errFound):
		return exitFound
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(std.err, "wakechain %s: %v (wakechain %s -h says how)\n", v.name, err, v.name)
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintf(std.err, "wakechain %s: interrupted\n", v.name)
		return exitInterrupted
	default:
		fmt.Fprintf(std.err, "wakechain %s: %s\n", v.name, oneLine(err))
		return exitFailed
	}
}
