package text

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns s with everything escaped that is not plain text: control
// characters, line breaks, invisible and reordering characters, invalid UTF-8.
// What a trace says is a stranger's; it must not move the cursor.
func Printable(s string) string {
	clean := true
	for i, r := range s {
		if !unicode.IsPrint(r) || r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD") {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return unquoted(strconv.Quote(s))
}

// ASCII is [Printable] in ASCII: all else is escaped, and backslashes always.
func ASCII(s string) string { return unquoted(strconv.QuoteToASCII(s)) }

// unquoted undoes that quoting also escapes its own quotes and backslashes: they
// are harmless here, except that a backslash could pass for an escape.
func unquoted(q string) string {
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// Label is [Printable], cut to at most n characters. The cost is that of n, whatever the
// length of s.
func Label(s string, n int) string { return Shorten(Printable(Shorten(s, n)), n) }

// Shorten cuts s to at most n characters; the last is then an ellipsis. An s of more
// than n bytes but just n characters is cut too. For n <= 0 it returns s.
func Shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n--; n == 0 {
			return s[:i] + "…"
		}
	}
	return s
}
