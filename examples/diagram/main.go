// Diagram draws the spans of any OpenTelemetry trace as a sequence diagram: who
// called whom, who was blocked, on what and for how long, and what woke it.
//
//	diagram spans.json                       on the terminal, from OTLP/JSON
//	diagram -o spans.html spans.json         a page to open in a browser
//	diagram -jaeger http://localhost:16686 -service socket_get -o stall.svg
//	otherprogram | diagram -format mermaid
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/term"
)

// An interrupt ends it at once, as it does any program: it may be in the middle of
// a read, and there is nothing to clean up.
func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main, for its test. It returns the exit code: 2 for bad flags, 1 for
// what went wrong.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "diagram: %v (-help lists the flags)\n", err)
		return 2
	}
	if f, ok := stdin.(*os.File); ok && slices.Contains(c.inputs(), "-") && term.IsTerminal(int(f.Fd())) {
		fmt.Fprintln(stderr, "diagram: reading OTLP/JSON from the terminal, up to the end of input (-help lists the flags)")
	}
	if err := c.run(ctx, stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "diagram: %v\n", err)
		return 1
	}
	return 0
}
