package text

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns s with everything escaped that is not plain text: control characters,
// line breaks, invisible and reordering characters, invalid UTF-8. If there are any,
// backslashes are escaped too. The text of a trace is untrusted, and must not move the
// cursor.
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

// ASCII is [Printable] in ASCII: all other characters are escaped, and backslashes always
// are.
func ASCII(s string) string { return unquoted(strconv.QuoteToASCII(s)) }

// unquoted removes the quotes around q, and unescapes quotes inside, which are harmless.
// Backslashes stay escaped, since one could pass for an escape.
func unquoted(q string) string {
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// Label is [Printable], shortened to at most n characters. Its cost depends on n, not
// on the length of s.
func Label(s string, n int) string { return Shorten(Printable(Shorten(s, n)), n) }

// Shorten shortens s to at most n characters, including an ellipsis at the end. It also
// shortens an s of exactly n characters with more than n bytes. For n <= 0 it returns s.
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
