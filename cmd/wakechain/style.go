package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/wakechain/wakechain/internal/text"
)

// defaultWidth is the width of output that is not for a terminal, in columns.
const defaultWidth = 100

// terminal returns the size of w, if it is a terminal.
func terminal(w any) (columns, rows int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0, false
	}
	columns, rows, err := term.GetSize(int(f.Fd()))
	return columns, rows, err == nil && columns > 0
}

// isTerminal reports whether w is a terminal, whatever its size.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// columns returns the width of the output: the flag's, the terminal's, or 100.
func (s *session) columns() int {
	if s.flags.width > 0 {
		return s.flags.width
	}
	if n, _, ok := terminal(s.out); ok {
		return n
	}
	return defaultWidth
}

// colored reports whether output to w has colors: as -color selects or, by default, if w is
// a terminal, NO_COLOR is not set, and TERM is not dumb.
func (s *session) colored(w io.Writer) bool {
	switch s.flags.color {
	case "always":
		return true
	case "never":
		return false
	default:
		return isTerminal(w) && s.getenv("NO_COLOR") == "" && s.getenv("TERM") != "dumb"
	}
}

// style is an SGR parameter of a terminal.
type style string

const (
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
	cyan   style = "36"
	invert style = "7"
)

// paint returns s in the given styles, which end after it.
func paint(s string, styles ...style) string {
	if s == "" || len(styles) == 0 {
		return s
	}
	var codes []string
	for _, st := range styles {
		if st != "" {
			codes = append(codes, string(st))
		}
	}
	if len(codes) == 0 {
		return s
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + s + "\x1b[0m"
}

// printable returns untrusted text, escaped so that it cannot move the cursor, and
// shortened.
func printable(s string) string { return text.Printable(text.Shorten(s, 300)) }

// oneLine returns the text of an error as one line.
func oneLine(err error) string { return text.Printable(strings.ReplaceAll(err.Error(), "\n", "; ")) }
