package tracetest

import (
	"runtime"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
)

// Rewrite replaces the literal of the call at file and line.
func Rewrite(file string, line int, want, text string) error {
	_, err := rewrite([]runtime.Frame{{File: file, Line: line}}, want, text)
	return err
}

// Reread parses a line, and returns its name and the name as it is written again.
func Reread(line string) (name, quoted string, err error) {
	p, err := parseLine(line)
	if err != nil {
		return "", "", err
	}
	return p.name, quoteName(p.name), nil
}

// Accept returns what -update would write.
func Accept(tb testing.TB, c *chain.Chain, want string, opts ...TreeOption) string {
	changes := compare(tb, c, want, opts)
	if changes == nil {
		return want
	}
	return accepted(changes)
}

// QuoteName returns a name as it is written in a line.
var QuoteName = quoteName
