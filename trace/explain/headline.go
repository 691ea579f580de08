package explain

import (
	"strings"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/internal/text"
)

// MaxHeadline is the length of a headline at most, in characters.
const MaxHeadline = 100

// headline returns format with its %s replaced by names, which are cut as far
// as the whole must be to be no longer than MaxHeadline. What the trace says in
// format must be escaped, and have no %s.
func headline(format string, names ...string) string {
	parts := strings.Split(format, "%s")
	var line string
	for _, most := range []int{maxText, 40, 28, 20, 14} {
		var b strings.Builder
		for i, part := range parts {
			b.WriteString(part)
			if i < len(parts)-1 && i < len(names) {
				b.WriteString(text.Shorten(names[i], most))
			}
		}
		if line = sentence(b.String()); utf8.RuneCountInString(line) <= MaxHeadline {
			return line
		}
	}
	return text.Shorten(line, MaxHeadline)
}
