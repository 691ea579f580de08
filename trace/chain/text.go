package chain

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// printable returns s with everything escaped that is not plain text: control
// characters, line breaks, invisible and reordering characters, invalid UTF-8.
// What a trace says is a stranger's; it must not move the cursor.
func printable(s string) string {
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
	q := strconv.Quote(s)
	// Quote also escapes its own quotes and backslashes: they are harmless here,
	// except that a backslash could pass for an escape.
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// plain is printable in ASCII.
func plain(s string) string {
	q := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// shorten cuts s to at most n characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := range s {
		if n == 1 {
			return s[:i] + "…"
		}
		n--
	}
	return s
}

// human returns d with at most 3 significant digits: 123ns, 1.2µs, 2.98s, 1m02s,
// 3h20m, 4d1h.
func human(d time.Duration) string {
	if d < 0 {
		if d == math.MinInt64 {
			d++
		}
		return "-" + human(-d)
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Nanosecond, "ns"}, {time.Microsecond, "µs"}, {time.Millisecond, "ms"}, {time.Second, "s"}} {
		// 999.6 of a unit rounds up to the next one, but 59.96s to a minute.
		top := 999.5
		if u.unit == time.Second {
			top = 59.95
		}
		if v := float64(d) / float64(u.unit); v < top {
			return digits(v, 3) + u.name
		}
	}
	switch s := d.Round(time.Second); {
	case s < time.Hour:
		return fmt.Sprintf("%dm%02ds", s/time.Minute, s%time.Minute/time.Second)
	case d.Round(time.Minute) < 24*time.Hour:
		m := d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", m/time.Hour, m%time.Hour/time.Minute)
	default:
		h := d.Round(time.Hour) / time.Hour
		return fmt.Sprintf("%dd%dh", h/24, h%24)
	}
}

// digits returns v, not negative, with at most n significant digits and no
// trailing zeros.
func digits(v float64, n int) string {
	decimals := n - 1
	for p := 10.0; v+0.5*math.Pow10(-max(decimals, 0)) >= p && decimals > 0; p *= 10 {
		decimals--
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// offset returns d, the time since the start of the chain, with three decimals,
// so that neighbours differ where they should: +12µs, +1.234ms, +62.003s.
func offset(d time.Duration) string {
	switch {
	case d == 0:
		return "+0s"
	case d < 0:
		return "-" + offset(-max(d, -math.MaxInt64))[1:]
	case d < time.Microsecond:
		return fmt.Sprintf("+%dns", d)
	case d < time.Millisecond:
		return "+" + decimals(d, time.Microsecond) + "µs"
	case d < time.Second:
		return "+" + decimals(d, time.Millisecond) + "ms"
	case d < 24*time.Hour:
		return "+" + decimals(d, time.Second) + "s"
	default:
		return "+" + human(d)
	}
}

func decimals(d, unit time.Duration) string {
	whole, rest := d/unit, d%unit*1000/unit
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%03d", whole, rest), "0"), ".")
}

// bytesText returns n bytes as 13 B, 4.1 kB, 20 MB.
func bytesText(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n, i = n/1000, i+1
	}
	return digits(n, 3) + " " + units[i]
}

// columns returns the width of s on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
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

// clip cuts s to a width on a terminal.
func clip(s string, width int, ellipsis string) string {
	if columns(s) <= width {
		return s
	}
	room := max(width-columns(ellipsis), 0)
	for i, r := range s {
		if room -= runeColumns(r); room < 0 {
			return s[:i] + ellipsis
		}
	}
	return s
}
