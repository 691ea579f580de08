// Stalledsender answers from its own trace why a sender stays blocked after the
// receiver stopped, and what wakes it again.
//
// The server, socket_start, sends for ever. The client, socket_get, reads a few
// messages, stops reading while the connection stays open, and later closes it. At the
// end the program prints the call chain of both, and the answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/trace/sequence"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main, for its test. It returns the exit code: 2 for bad flags, 1 for other
// errors.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "stalledsender: %v (-help lists the flags)\n", err)
		return 2
	}
	if err := c.run(ctx, stdout); err != nil {
		fmt.Fprintf(stderr, "stalledsender: %v\n", err)
		return 1
	}
	return 0
}

// config is the values of the flags.
type config struct {
	serve, connect string
	buffers        string
	spans          string
	diagram        string
	debug          string
	hold           bool
	messages       int
	work, idle     time.Duration
	watch          bool
}

func parse(args []string, usage io.Writer) (*config, error) {
	var c config
	fs := flag.NewFlagSet("stalledsender", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.serve, "serve", "", "run the server alone, on this `address`, until interrupted")
	fs.StringVar(&c.connect, "connect", "", "run the client alone, against this `URL`")
	fs.StringVar(&c.buffers, "buffers", "small", "socket buffers: `small`, so that the sender stalls at once, or kernel, which take megabytes and so a longer -idle")
	fs.StringVar(&c.spans, "spans", "", "write all spans to this `file`, as OTLP/JSON")
	fs.StringVar(&c.diagram, "diagram", "", "draw a sequence diagram into this `file`: .html, .svg, .mmd, .puml, .seq or .txt")
	fs.StringVar(&c.debug, "debug", "", "show what is stuck right now on this `address`, as 127.0.0.1:6060; one without a host is on this machine alone")
	fs.BoolVar(&c.hold, "hold", false, "stay stuck until interrupted, and print what is stuck while it is")
	fs.IntVar(&c.messages, "messages", 3, "how many messages the client reads before it stops")
	fs.DurationVar(&c.work, "work", time.Second, "how long the client works after each but the last")
	fs.DurationVar(&c.idle, "idle", 1500*time.Millisecond, "how long it then leaves the connection open")
	fs.BoolVar(&c.watch, "watch", false, "report a write while it is stuck: by spans named stalled, after 1, 10, 100 s")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(usage)
		fs.Usage()
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case c.serve != "" && c.connect != "":
		err = errors.New("-serve and -connect run one side each: give one of them")
	case c.connect != "" && !isURL(c.connect):
		err = fmt.Errorf("-connect takes a URL such as ws://127.0.0.1:8080, not %q", c.connect)
	case c.hold && (c.serve != "" || c.connect != ""):
		err = errors.New("-hold runs both sides: not with -serve or -connect")
	case c.buffers != "small" && c.buffers != "kernel":
		err = fmt.Errorf("-buffers is small or kernel, not %q", c.buffers)
	case c.messages < 1 || c.work < 0 || c.idle < 0:
		err = errors.New("-messages is at least 1, -work and -idle at least 0")
	case c.diagram != "":
		_, err = sequence.FormatOf(c.diagram)
	}
	return &c, err
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && slices.Contains([]string{"ws", "wss", "http", "https"}, u.Scheme)
}
