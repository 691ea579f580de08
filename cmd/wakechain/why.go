package main

import (
	"errors"
	"time"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/live"
)

var whyVerb = &verb{
	name: "why", args: "[SOURCE…]", short: "say who was blocked, on what and why, what woke it, and what to do about it",
	long: "The answers come from the spans, the most severe first. Each has a headline, the evidence for it, and advice, and claims no more than the spans show.\n\nOf a program's debug page (package live) it says what has been stuck for a second or longer.\n\n" + sourceHint,
	examples: []example{
		{"wakechain why spans.json", "what went wrong in this file"},
		{"wakechain why server.json client.json.gz", "the same, of both ends together"},
		{"wakechain why -json -limit 5 spans.json", "for a program or an agent"},
		{"wakechain why -fail-on problem spans.json", "for a script: exit code 3 if something stood still, or broke"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		f.query.add(f.set)
		var failOn string
		asJSON := f.set.Bool("json", false, "write one JSON object, with the schema docs/answers.schema.json: each answer with its spans, and an id that stays the same as spans are added")
		size := f.set.Int("max-bytes", 0, "with -json: write at most this `number` of bytes; what is left out is counted (default 256,000)")
		limit := f.set.Int("limit", 20, "write at most this `number` of answers; 0 is all")
		f.set.Var(choice{&failOn, severities}, "fail-on", "exit with 3 if there is an answer of this `severity` or above: info, warning or problem")
		f.run = func(s *session, args []string) error {
			if *limit < 0 || *size < 0 {
				return usagef("-limit and -max-bytes are not negative")
			}
			c, err := s.chain(args)
			var page *viewError
			if errors.As(err, &page) && !*asJSON {
				return s.whyNow(args, err, failOn)
			}
			if err != nil {
				return err
			}
			found := explain.Explain(c)
			opts := []explain.Option{explain.WithWidth(s.columns()), explain.WithLimit(*limit)}
			if *size > 0 {
				opts = append(opts, explain.WithMaxBytes(*size))
			}
			if s.colored(s.out) {
				opts = append(opts, explain.WithColor())
			}
			write := explain.Print
			if *asJSON {
				write = explain.WriteJSON
			}
			if err := write(s.out, c, found, opts...); err != nil {
				return err
			}
			return s.end(failing(found, failOn))
		}
	},
}

// lately is the minimum wait that why shows for a debug page.
const lately = time.Second

// whyNow writes what debug pages show: what is stuck now. It returns err if a source is no
// debug page.
func (s *session) whyNow(sources []string, err error, failOn string) error {
	v, failed, wrong := s.views(sources, false)
	if wrong != nil || failed != nil {
		return err
	}
	s.warn("a debug page shows only what is stuck now; for what happens from now on, record spans (wakechain record -spans)")
	v = v.Filter(live.Filter{Min: lately})
	if err := v.WriteText(s.out, s.viewOptions()...); err != nil {
		return err
	}
	return s.end(failOn != "" && len(v.Findings) > 0)
}

var severities = []string{explain.Info.String(), explain.Warning.String(), explain.Problem.String()}

// failing reports whether any finding has at least the given severity.
func failing(found []explain.Finding, than string) bool {
	if than == "" {
		return false
	}
	for _, f := range found {
		if than == severities[0] || than == severities[1] && f.Severity >= explain.Warning || f.Severity >= explain.Problem {
			return true
		}
	}
	return false
}
