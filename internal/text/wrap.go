package text

import (
	"slices"
	"strings"
)

// Wrap breaks s at its spaces into lines of at most width columns. The first line
// begins with first, the others with rest. A longer word gets a line of its own. A
// number and its unit stay together.
func Wrap(s, first, rest string, width int) (lines []string) {
	line, at, empty := first, Columns(first), true
	for _, word := range words(s) {
		n := Columns(word)
		switch {
		case empty:
		case at+1+n > width:
			lines = append(lines, line)
			line, at = rest, Columns(rest)
		default:
			line += " "
			at++
		}
		line, at, empty = line+word, at+n, false
	}
	return append(lines, line)
}

// words returns the words of s. A number and its unit are one.
func words(s string) (all []string) {
	for _, w := range strings.Fields(s) {
		if last := len(all) - 1; last >= 0 && isUnit(w) && endsInNumber(all[last]) {
			all[last] += " " + w
			continue
		}
		all = append(all, w)
	}
	return all
}

// units are the units that follow numbers in texts.
var units = []string{"ns", "µs", "ms", "s", "min", "h", "d", "B", "kB", "MB", "GB", "TB", "byte", "bytes", "%", "/"}

func isUnit(word string) bool {
	return slices.Contains(units, strings.TrimRight(word, ".,;:)"))
}

func endsInNumber(word string) bool {
	c := word[len(word)-1]
	return c >= '0' && c <= '9' || strings.HasSuffix(word, " /")
}
