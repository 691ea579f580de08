package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
)

const about = "wakechain says who was blocked, on what and why, and what woke it: from spans, execution traces and running programs."

const sourceText = `A SOURCE is a file, - for standard input, or a URL. What it is is recognised by its content and not by its name: OTLP/JSON (lines, one object or an array), what Jaeger and Tempo answer, what the SDK's stdouttrace prints, Go execution traces; each of them also compressed by gzip or zstd. Of a file that is cut off or still being written, what is whole is used, and a warning says how much is lost.

A URL is a page that answers with one of these, the debug page of a program, or a Jaeger or Tempo that -service, -trace and their like ask for traces.`

// sourceHint is the text about sources in a verb's help.
const sourceHint = `A SOURCE is a file, - for standard input, or a URL, recognised by its content: wakechain help says which there are.`

// exitCodes are the exit codes of the command.
var exitCodes = [][2]string{
	{"0", "answered"},
	{"1", "failed; standard error says why"},
	{"2", "the arguments are wrong"},
	{"3", "found something: see -fail-on, ps -min and check -strict"},
	{"130", "interrupted; the answer is about what was read until then"},
}

// helpVerb is a function because it lists all verbs, including itself.
func helpVerb() *verb {
	v := &verb{
		name: "help", args: "[VERB]", short: "list the verbs, or say what one takes",
		examples: []example{{"wakechain help why", "what why does and takes, as wakechain why -h"}},
	}
	v.setup = func(f *flags) {
		f.run = func(s *session, args []string) error {
			if len(args) > 1 {
				return usagef("one verb")
			}
			if len(args) == 0 {
				v.help(s.out, f)
				return nil
			}
			of := verbNamed(args[0])
			if of == nil {
				return usagef("no verb is called %q", printable(args[0]))
			}
			of.usage(s.out, newFlags(of))
			return nil
		}
	}
	return v
}

// help writes the list of verbs.
func (v *verb) help(w io.Writer, _ *flags) {
	fmt.Fprintf(w, "%s\n\nUsage: wakechain VERB [flags] [arguments]\n\n", folded(about, "", helpWidth))
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-11s %s\n", v.name, v.short)
	}
	fmt.Fprintf(w, "\nwakechain VERB -h says what a verb takes, with examples.\n\n%s\n\nExit codes:\n", folded(sourceText, "", helpWidth))
	for _, c := range exitCodes {
		fmt.Fprintf(w, "  %3s  %s\n", c[0], c[1])
	}
}

const helpWidth = 90

// usage writes the help of the verb.
func (v *verb) usage(w io.Writer, f *flags) {
	fmt.Fprintf(w, "Usage: %s\n\n", v.line(f))
	fmt.Fprintln(w, folded(sentence(v.short), "", helpWidth))
	if v.long != "" {
		fmt.Fprintln(w, "\n"+folded(v.long, "", helpWidth))
	}
	if v.flagged(f) {
		fmt.Fprintln(w, "\nFlags:")
		f.set.VisitAll(func(fl *flag.Flag) {
			name, usage := described(fl)
			fmt.Fprintf(w, "  %s\n%s\n", name, folded(usage, "        ", helpWidth))
		})
	}
	if len(v.examples) > 0 {
		fmt.Fprintln(w, "\nExamples:")
		for _, e := range v.examples {
			fmt.Fprintf(w, "  %s\n        %s\n", e.command, e.what)
		}
	}
}

func (v *verb) flagged(f *flags) (any bool) {
	f.set.VisitAll(func(*flag.Flag) { any = true })
	return any
}

// line returns the verb's command line.
func (v *verb) line(f *flags) string {
	words := []string{"wakechain", v.name}
	if v.flagged(f) {
		words = append(words, "[flags]")
	}
	if v.args != "" {
		words = append(words, v.args)
	}
	return strings.Join(words, " ")
}

// described returns a flag with the name of its value, and its usage, with the default
// unless that is empty.
func described(fl *flag.Flag) (name, usage string) {
	value, usage := flag.UnquoteUsage(fl)
	name = "-" + fl.Name
	if value != "" {
		name += " " + value
	}
	switch fl.DefValue {
	case "", "0", "0s", "false", "[]":
	default:
		usage += " (default " + fl.DefValue + ")"
	}
	return name, usage
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }

// folded breaks paragraphs into lines of at most width columns.
func folded(paragraphs, indent string, width int) string {
	var out []string
	for i, p := range strings.Split(paragraphs, "\n\n") {
		if i > 0 {
			out = append(out, "")
		}
		out = append(out, text.Wrap(p, indent, indent, width)...)
	}
	return strings.Join(out, "\n")
}
