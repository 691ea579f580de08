package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/wakechain/wakechain/trace/sequence"
)

// config is what the flags say.
type config struct {
	files                   []string // none: standard input
	jaeger, trace, service  string
	output                  string
	format                  sequence.Format
	width                   int
	opts                    []sequence.Option
	services, routines, ids list
}

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func parse(args []string, usage io.Writer) (*config, error) {
	var (
		c                  config
		format, scale, by  string
		title              string
		from, to, blocked  time.Duration
		rows, lifelines    int
		unfolded, onlyLong bool
	)
	fs := flag.NewFlagSet("diagram", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&c.jaeger, "jaeger", "", "read the trace from the Jaeger at this `URL`")
	fs.StringVar(&c.trace, "trace", "", "with -jaeger: the trace with this `ID`")
	fs.StringVar(&c.service, "service", "", "with -jaeger: the latest trace of the service with this `name`")
	fs.StringVar(&c.output, "o", "", "write to this `file`; its extension says the format")
	fs.StringVar(&format, "format", "", "`name` of the format: mermaid, js, plantuml, text, svg or html")
	fs.StringVar(&title, "title", "", "the diagram's title")
	fs.StringVar(&scale, "time", "compact", "how time runs downwards: `compact` or linear")
	fs.StringVar(&by, "by", "goroutine", "what has a lifeline: `goroutine`, service or connection")
	fs.IntVar(&rows, "rows", 0, "write at most this `number` of rows (default: as the format has it)")
	fs.IntVar(&lifelines, "lifelines", 0, "draw at most this `number` of lifelines (default 12)")
	fs.IntVar(&c.width, "width", 0, "columns of text (default: the terminal's, or 100)")
	fs.BoolVar(&unfolded, "unfold", false, "give each span rows of its own")
	fs.DurationVar(&blocked, "blocked", 0, "show only what was blocked for this `long`, with its context")
	fs.DurationVar(&from, "from", 0, "show only what was in progress after this `time` from the start")
	fs.DurationVar(&to, "to", 0, "show only what was in progress before this `time` from the start")
	fs.Var(&c.services, "only-service", "show only the service with this `name`; may be repeated")
	fs.Var(&c.routines, "only-goroutine", "show only goroutines with this `name`; may be repeated")
	fs.Var(&c.ids, "only-connection", "show only the connection with this `id`; may be repeated")
	err := fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fs.SetOutput(usage)
		fmt.Fprintln(usage, "Usage: diagram [flags] [OTLP/JSON files, - or none for standard input]")
		fs.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}
	fs.Visit(func(f *flag.Flag) { onlyLong = onlyLong || f.Name == "blocked" })
	c.files = fs.Args()
	if err := c.source(); err != nil {
		return nil, err
	}
	if err := c.resolve(format); err != nil {
		return nil, err
	}
	switch scale {
	case "compact":
	case "linear":
		c.opts = append(c.opts, sequence.WithScale(sequence.Linear))
	default:
		return nil, fmt.Errorf("-time is compact or linear, not %q", scale)
	}
	switch by {
	case "goroutine":
	case "service":
		c.opts = append(c.opts, sequence.WithLifelines(sequence.ByService))
	case "connection":
		c.opts = append(c.opts, sequence.WithLifelines(sequence.ByConnection))
	default:
		return nil, fmt.Errorf("-by is goroutine, service or connection, not %q", by)
	}
	if rows < 0 || lifelines < 0 || c.width < 0 || blocked < 0 || from < 0 || to < 0 {
		return nil, errors.New("numbers and times are not negative")
	}
	c.opts = append(c.opts,
		sequence.WithTitle(title), sequence.WithMaxRows(rows), sequence.WithMaxLifelines(lifelines),
		sequence.WithServices(c.services...), sequence.WithGoroutines(c.routines...), sequence.WithConnections(c.ids...))
	if unfolded {
		c.opts = append(c.opts, sequence.WithoutFolding())
	}
	if onlyLong {
		c.opts = append(c.opts, sequence.WithBlocked(blocked))
	}
	if from > 0 || to > 0 {
		c.opts = append(c.opts, sequence.WithWindow(from, to))
	}
	return &c, nil
}

// source checks where the spans come from.
func (c *config) source() error {
	switch {
	case c.jaeger == "" && (c.trace != "" || c.service != ""):
		return errors.New("-trace and -service need -jaeger")
	case c.jaeger == "":
		return nil
	case len(c.files) > 0:
		return errors.New("spans come from files or from -jaeger, not from both")
	case (c.trace == "") == (c.service == ""):
		return errors.New("-jaeger needs -trace ID or -service NAME")
	}
	u, err := url.Parse(c.jaeger)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("-jaeger is a URL such as http://localhost:16686, not %q", c.jaeger)
	}
	return nil
}

// resolve finds the format: the flag's, the file's, or text.
func (c *config) resolve(format string) (err error) {
	switch {
	case format != "":
		c.format, err = sequence.ParseFormat(format)
	case c.output != "":
		c.format, err = sequence.FormatOf(c.output)
	default:
		c.format = sequence.Text
	}
	return err
}
