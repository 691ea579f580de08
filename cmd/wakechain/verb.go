package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// verb is a subcommand.
type verb struct {
	name, args string
	short      string // one line
	long       string // paragraphs, each one line
	examples   []example
	setup      func(*flags)
}

type example struct{ command, what string }

// verbs returns all verbs, in the order of the help.
func verbs() []*verb {
	return []*verb{
		whyVerb, treeVerb, drawVerb, checkVerb, exportVerb, psVerb, topVerb, recordVerb, versionVerb, completionVerb(), helpVerb(),
	}
}

func verbNamed(name string) *verb {
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	for _, v := range verbs() {
		if v.name == name {
			return v
		}
	}
	return nil
}

// errHelp is the error of -h.
var errHelp = flag.ErrHelp

// flags are the flags of one verb.
type flags struct {
	set *flag.FlagSet
	run func(s *session, args []string) error

	color string
	width int
	wait  time.Duration
	query queryFlags
}

func newFlags(v *verb) *flags {
	f := &flags{set: flag.NewFlagSet(v.name, flag.ContinueOnError), wait: patience}
	f.set.SetOutput(io.Discard)
	f.set.Usage = func() {}
	v.setup(f)
	return f
}

// parse parses flags before, between and after the other arguments, which it returns. After
// -- there are no flags.
func (f *flags) parse(args []string) (rest []string, err error) {
	for {
		if err := f.set.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usageError{printable(err.Error())}
		}
		left := f.set.Args()
		if n := len(args) - len(left); len(left) == 0 || n > 0 && args[n-1] == "--" {
			rest = append(rest, left...)
			return rest, f.check()
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

// check checks the flags that several verbs have.
func (f *flags) check() error {
	switch f.color {
	case "", "auto", "always", "never":
	default:
		return usagef("-color is auto, always or never, not %q", printable(f.color))
	}
	if f.width < 0 {
		return usagef("-width is not negative")
	}
	if f.wait <= 0 {
		return usagef("-timeout is more than 0")
	}
	return nil
}

// given reports whether the flag was given.
func (f *flags) given(name string) (found bool) {
	f.set.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// styled adds the flags for readable output.
func (f *flags) styled() {
	f.set.StringVar(&f.color, "color", "auto", "`when` to use colors: auto, always or never; auto is on a terminal, unless NO_COLOR is set")
	f.set.IntVar(&f.width, "width", 0, "`columns` of text (default the terminal's, or 100)")
}

// timed adds the flag for requests to servers.
func (f *flags) timed() {
	f.set.DurationVar(&f.wait, "timeout", patience, "how long a server may be silent, as a `duration` such as 10s")
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// choice is a flag with a few values.
type choice struct {
	value *string
	of    []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) Set(s string) error {
	for _, o := range c.of {
		if o == s {
			*c.value = s
			return nil
		}
	}
	return fmt.Errorf("it is one of %s", strings.Join(c.of, ", "))
}
