package main

import (
	"fmt"

	"github.com/wakechain/wakechain/trace/explain"
)

var whyVerb = &verb{
	name: "why", args: "[SOURCE…]", short: "say who was blocked, on what and why, what woke it, and what to do about it",
	long: "The answers come from the spans, the gravest first: a headline, the evidence for it, and advice. Each stands on spans, and says no more than they do.\n\n" + sourceHint,
	examples: []example{
		{"wakechain why spans.json", "what went wrong in this file"},
		{"wakechain why server.json client.json.gz", "the same, of both ends together"},
		{"wakechain why -fail-on problem spans.json", "for a script: exit code 3 if something stood still, or broke"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		f.query.add(f.set)
		var failOn string
		limit := f.set.Int("limit", 20, "write at most this `number` of answers; 0 is all")
		f.set.Var(choice{&failOn, severities}, "fail-on", "exit with 3 if there is an answer of this `severity` or above: info, warning or problem")
		f.run = func(s *session, args []string) error {
			if *limit < 0 {
				return usagef("-limit is not negative")
			}
			c, err := s.chain(args)
			if err != nil {
				return err
			}
			found := explain.Explain(c)
			shown := found
			if *limit > 0 && len(shown) > *limit {
				shown = shown[:*limit]
			}
			if err := explain.Print(s.out, c, shown); err != nil {
				return err
			}
			if left := len(found) - len(shown); left > 0 {
				fmt.Fprintf(s.out, "\n%s left out (-limit)\n", counted(left, "more answer"))
			}
			return s.end(failing(found, failOn))
		}
	},
}

var severities = []string{explain.Info.String(), explain.Warning.String(), explain.Problem.String()}

// failing reports whether a finding is as severe as that.
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
