// Chat is a chat room over WebSocket that shows which client delays which.
//
// It serves a page for browsers and takes clients from terminals. With -demo it runs
// some clients, one of them a slow reader, and prints from the trace how that one
// delays all others.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/examples/internal/debugpage"
	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main, for its test. It returns the exit code: 2 for bad flags, 1 for other
// errors.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	c, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "chat: %v (-help lists the flags)\n", err)
		return 2
	}
	out := &telemetry.LockedWriter{W: stdout}
	if err := c.work(ctx, stdin, out); err != nil {
		fmt.Fprintf(stderr, "chat: %v\n", err)
		return 1
	}
	return 0
}

// work runs the mode that the flags select.
func (c *config) work(ctx context.Context, stdin io.Reader, out io.Writer) error {
	if c.debug != "" {
		page, err := debugpage.Start(ctx, c.debug)
		if err != nil {
			return err
		}
		defer page.Close()
		c.metered = []trace.Option{trace.WithMeterProvider(page.Meters)}
		defer live.Watch(ctx, live.WithMeterProvider(page.Meters))()
		fmt.Fprintf(out, "What is stuck right now: %s\n", page.URL)
	}
	switch {
	case c.demo:
		return demo(ctx, c, out)
	case c.join != "":
		return c.chat(ctx, stdin, out)
	default:
		return c.serve(ctx, out)
	}
}

// config is the values of the flags.
type config struct {
	addr, join, name string
	spans            string
	debug            string
	metered          []trace.Option // for the debug page
	demo             bool
	patience         time.Duration
	slow             time.Duration // the slow client's time for each message
}

func parse(args []string, usage io.Writer) (*config, error) {
	var c config
	fs := flag.NewFlagSet("chat", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8080", "serve the room on this `address`")
	fs.StringVar(&c.join, "join", "", "join the room at this `URL` instead, and talk from the terminal")
	fs.StringVar(&c.name, "name", "", "the `name` to join with")
	fs.BoolVar(&c.demo, "demo", false, "show what a slow client does to the others, and end")
	fs.DurationVar(&c.patience, "patience", 5*time.Second, "how long the room waits for a client that does not read")
	fs.DurationVar(&c.slow, "slow", 120*time.Millisecond, "how long the slow client of -demo takes for each message")
	fs.StringVar(&c.spans, "spans", "", "write all spans to this `file`, as OTLP/JSON")
	fs.StringVar(&c.debug, "debug", "", "show what is stuck right now, and metrics at /metrics, on this `address`, as 127.0.0.1:6060; one without a host is on this machine alone")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(usage)
		fs.Usage()
	case err != nil:
	case fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case c.demo && c.join != "":
		err = errors.New("-demo and -join do not go together")
	case c.join != "" && cleanName(c.name) == "":
		err = errors.New("-join needs a -name")
	case c.patience <= 0:
		err = errors.New("-patience is more than 0")
	}
	return &c, err
}
