package explain

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wakechain/wakechain/internal/text"
)

// MaxHeadline is the maximum length of a headline, in characters: with the two spaces that
// [Print] writes before it, it fits into a line of 100 columns.
const MaxHeadline = 98

// headline returns format with its %s replaced by names. If the result would be longer than
// MaxHeadline, the longest names are cut. Text from the trace in format must be escaped,
// and have no %s.
func headline(format string, names ...string) string {
	parts := strings.Split(format, "%s")
	names = slices.Clone(names[:min(len(names), len(parts)-1)])
	for i := range names {
		names[i] = text.Shorten(names[i], maxText)
	}
	for {
		var b strings.Builder
		for i, part := range parts {
			b.WriteString(part)
			if i < len(names) {
				b.WriteString(names[i])
			}
		}
		line := sentence(b.String())
		over := utf8.RuneCountInString(line) - MaxHeadline
		if over <= 0 {
			return line
		}
		longest := -1
		for i, name := range names {
			if n := utf8.RuneCountInString(name); n > shortest && (longest < 0 || n > utf8.RuneCountInString(names[longest])) {
				longest = i
			}
		}
		if longest < 0 {
			return text.Shorten(line, MaxHeadline)
		}
		names[longest] = text.Shorten(names[longest], utf8.RuneCountInString(names[longest])-1)
	}
}

// shortest is the minimum length of a name that was cut.
const shortest = 8
