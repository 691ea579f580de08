package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

var drawVerb = &verb{
	name: "draw", args: "[SOURCE…]", short: "draw the spans as a sequence diagram: who called whom, who was blocked and what woke it",
	long: "The extension of -o, or -format, says how: .txt, .svg, .html, .mmd (Mermaid), .puml (PlantUML) or .seq (js-sequence-diagrams). Without both it is text.\n\n" + sourceHint,
	examples: []example{
		{"wakechain draw spans.json", "on the terminal"},
		{"wakechain draw -o stall.html spans.json", "a page to open in a browser"},
		{"wakechain draw -blocked 100ms -time linear -o stall.svg spans.json", "only what was blocked for 100 ms or longer, to scale"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		f.query.add(f.set)
		d := drawing{scale: "compact", by: "goroutine"}
		d.add(f)
		f.run = func(s *session, args []string) error {
			opts, format, err := d.options()
			if err != nil {
				return err
			}
			c, err := s.chain(args)
			if err != nil {
				return err
			}
			if err := d.draw(s, c, format, opts); err != nil {
				return err
			}
			return s.end(false)
		}
	},
}

// drawing is the values of draw's flags.
type drawing struct {
	flags                   *flags
	output, format, title   string
	scale, by               string
	rows, lifelines         int
	unfolded                bool
	blocked, from, to       time.Duration
	services, routines, ids list
}

func (d *drawing) add(f *flags) {
	d.flags = f
	fs := f.set
	fs.StringVar(&d.output, "o", "", "write to this `file`; its extension says the format")
	fs.StringVar(&d.format, "format", "", "`name` of the format: text, svg, html, mermaid, plantuml or js")
	fs.StringVar(&d.title, "title", "", "the diagram's title, a `text`")
	fs.Var(choice{&d.scale, []string{"compact", "linear"}}, "time", "how time runs downwards: `scale` compact or linear")
	fs.Var(choice{&d.by, []string{"goroutine", "service", "connection"}}, "by", "`what` has a lifeline: a goroutine, a service or a connection")
	fs.IntVar(&d.rows, "rows", 0, "write at most this `number` of rows (default as the format has it: 150 to 2,000)")
	fs.IntVar(&d.lifelines, "lifelines", 0, "draw at most this `number` of lifelines (default 12)")
	fs.BoolVar(&d.unfolded, "unfold", false, "give each span rows of its own")
	fs.DurationVar(&d.blocked, "blocked", 0, "show only what was blocked for so long or longer, as a `duration` such as 1.5s or 250ms, with its context")
	fs.DurationVar(&d.from, "from", 0, "show only what was in progress after this `duration` from the start")
	fs.DurationVar(&d.to, "to", 0, "show only what was in progress before this `duration` from the start")
	fs.Var(&d.services, "only-service", "show only the service with this `name`; may be repeated")
	fs.Var(&d.routines, "only-goroutine", "show only goroutines with this `name`; may be repeated")
	fs.Var(&d.ids, "only-connection", "show only the connection with this `id`; may be repeated")
}

func (d *drawing) options() (opts []sequence.Option, format sequence.Format, err error) {
	switch {
	case d.format != "":
		format, err = sequence.ParseFormat(d.format)
	case d.output != "":
		format, err = sequence.FormatOf(d.output)
	default:
		format = sequence.Text
	}
	if err != nil {
		return nil, "", usageError{strings.TrimPrefix(err.Error(), "sequence: ")}
	}
	if d.rows < 0 || d.lifelines < 0 || d.blocked < 0 || d.from < 0 || d.to < 0 {
		return nil, "", usagef("numbers and times are not negative")
	}
	opts = append(opts,
		sequence.WithTitle(d.title), sequence.WithMaxRows(d.rows), sequence.WithMaxLifelines(d.lifelines),
		sequence.WithServices(d.services...), sequence.WithGoroutines(d.routines...), sequence.WithConnections(d.ids...))
	if d.scale == "linear" {
		opts = append(opts, sequence.WithScale(sequence.Linear))
	}
	switch d.by {
	case "service":
		opts = append(opts, sequence.WithLifelines(sequence.ByService))
	case "connection":
		opts = append(opts, sequence.WithLifelines(sequence.ByConnection))
	}
	if d.unfolded {
		opts = append(opts, sequence.WithoutFolding())
	}
	if d.flags.given("blocked") {
		opts = append(opts, sequence.WithBlocked(d.blocked))
	}
	if d.from > 0 || d.to > 0 {
		opts = append(opts, sequence.WithWindow(d.from, d.to))
	}
	return opts, format, nil
}

func (d *drawing) draw(s *session, c *chain.Chain, format sequence.Format, opts []sequence.Option) error {
	diagram := sequence.New(c, opts...)
	if len(diagram.Rows) == 0 {
		return fmt.Errorf("nothing is left to draw: %s", strings.Join(diagram.Notes, "; "))
	}
	if d.output == "" {
		writing := []sequence.Option{sequence.WithWidth(s.columns())}
		if s.colored(s.out) {
			writing = append(writing, sequence.WithColor())
		}
		return diagram.Write(s.out, format, writing...)
	}
	return toFile(d.output, func(f *os.File) error {
		return diagram.Write(f, format, sequence.WithWidth(widthOf(s)))
	})
}

// widthOf returns the width of text in a file, which does not depend on the terminal.
func widthOf(s *session) int {
	if s.flags.width > 0 {
		return s.flags.width
	}
	return defaultWidth
}

// toFile creates a file with the content that write writes.
func toFile(name string, write func(*os.File) error) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
