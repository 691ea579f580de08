package text

import "unicode"

// Columns returns the width of s on a terminal.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += RuneColumns(r)
	}
	return n
}

// RuneColumns returns the width of r on a terminal: 0 if it combines with the rune
// before it, 2 if it is wide, such as Chinese or an emoji, otherwise 1.
func RuneColumns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 ||
		r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 ||
		r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300 && r <= 0x1FAFF || r >= 0x20000 && r <= 0x3FFFD):
		return 2
	default:
		return 1
	}
}

// Clip shortens s to at most width columns on a terminal, including the ellipsis at its
// end. An ellipsis wider than that stands alone.
func Clip(s string, width int, ellipsis string) string {
	if Columns(s) <= width {
		return s
	}
	room := max(width-Columns(ellipsis), 0)
	for i, r := range s {
		if room -= RuneColumns(r); room < 0 {
			return s[:i] + ellipsis
		}
	}
	return s
}
