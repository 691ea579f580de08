package main

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
)

var treeVerb = &verb{
	name: "tree", args: "[SOURCE…]", short: "write the spans as a tree, a line for each, below the one that caused it",
	long: "The first column is the time since the first span. Spans that would read the same are one line with their number, as ×311; sequences that repeat are one with ↻. A span that failed or took long stands alone. ← names what a span links to.\n\n" + sourceHint,
	examples: []example{
		{"wakechain tree spans.json", "all of a file"},
		{"wakechain tree -blocked 100ms -key tcp.peer_window spans.json", "what was blocked for 100 ms or longer, with the peer's window"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		f.query.add(f.set)
		var keys, services, only list
		lines := f.set.Int("lines", 1000, "write at most this `number` of lines; 0 is all")
		depth := f.set.Int("depth", 0, "write at most this `number` of levels (default 64)")
		blocked := f.set.Duration("blocked", 0, "show only what was blocked for so long or longer, as a `duration` such as 1.5s or 250ms, and what it is part of")
		unfolded := f.set.Bool("unfold", false, "give each span a line of its own")
		ascii := f.set.Bool("ascii", false, "draw with ASCII only, and escape all else")
		f.set.Var(&keys, "key", "also show the attribute with this `name`; may be repeated")
		f.set.Var(&services, "only-service", "show only the service with this `name`, and what its spans are part of; may be repeated")
		f.set.Var(&only, "only-span", "show only spans with this `name`, and what they are part of; may be repeated")
		f.run = func(s *session, args []string) error {
			if *lines < 0 || *depth < 0 || *blocked < 0 {
				return usagef("numbers and times are not negative")
			}
			c, err := s.chain(args)
			if err != nil {
				return err
			}
			opts := []chain.TreeOption{chain.WithMaxLines(*lines), chain.WithMaxDepth(*depth)}
			if s.flags.width > 0 || isTerminal(s.out) {
				opts = append(opts, chain.WithWidth(s.columns()))
			}
			for _, k := range keys {
				opts = append(opts, chain.WithKeys(attribute.Key(k)))
			}
			if *unfolded {
				opts = append(opts, chain.WithoutFolding())
			}
			if *ascii {
				opts = append(opts, chain.WithASCII())
			}
			if len(services)+len(only) > 0 || f.given("blocked") {
				opts = append(opts, chain.WithOnly(func(sp *chain.Span) bool {
					return among(services, sp.Service) && among(only, sp.Name) && (!f.given("blocked") || sp.Blocked() > 0 && sp.Blocked() >= *blocked)
				}))
			}
			if err := c.WriteTree(&painter{w: s.out, on: s.colored(s.out)}, opts...); err != nil {
				return err
			}
			return s.end(false)
		}
	},
}

// among reports whether the list has s, or is empty.
func among(l list, s string) bool {
	for _, one := range l {
		if one == s {
			return true
		}
	}
	return len(l) == 0
}

// treeColors returns a line of a tree with colors: its time is dim, a block yellow, a wake
// green, a start of a goroutine bold, and a failure red.
func treeColors(line string) string {
	at, rest, ok := strings.Cut(line, " ")
	if !ok || !strings.HasPrefix(at, "+") {
		return line
	}
	name := strings.TrimLeft(rest, " │├└─↻×|`-")
	lead := rest[:len(rest)-len(name)]
	var st style
	switch word, _, _ := strings.Cut(name, " "); {
	case strings.Contains(rest, " ✗ "):
		st = red
	case word == "block":
		st = yellow
	case word == "wake":
		st = green
	case word == "go":
		st = bold
	}
	return paint(at+" "+lead, dim) + paint(name, st)
}
