package sequence

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
// What a trace says is a stranger's.
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
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// maxText is how many characters of one text from the trace a label shows.
const maxText = 48

// short is printable, and cut to what a label shows.
func short(s string) string { return shorten(printable(s), maxText) }

func shorten(s string, n int) string {
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

// human returns d with at most 3 significant digits: 123 ns, 1.2 µs, 2.98 s,
// 1m02s, 3h20m, 4d1h.
func human(d time.Duration) string {
	if d < 0 {
		return "-" + human(-max(d, -math.MaxInt64))
	}
	for _, u := range []struct {
		unit time.Duration
		name string
		top  float64
	}{
		{time.Nanosecond, "ns", 999.5},
		{time.Microsecond, "µs", 999.5},
		{time.Millisecond, "ms", 999.5},
		{time.Second, "s", 59.95},
	} {
		if v := float64(d) / float64(u.unit); v < u.top {
			return digits(v) + " " + u.name
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

// digits returns v, not negative, with at most 3 significant digits and no
// trailing zeros.
func digits(v float64) string {
	decimals := 2
	for p := 10.0; decimals > 0 && v+0.5*math.Pow10(-decimals) >= p; p *= 10 {
		decimals--
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// moment returns a time since the start of the chain, with 3 significant digits:
// +12.0 µs, +1.23 ms, +1m02.1s.
func moment(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	if d < time.Microsecond {
		return "+" + human(d)
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Microsecond, "µs"}, {time.Millisecond, "ms"}, {time.Second, "s"}} {
		v := float64(d) / float64(u.unit)
		switch {
		case v < 9.995:
			return fmt.Sprintf("+%.2f %s", v, u.name)
		case v < 99.95 && (u.unit != time.Second || v < 59.95):
			return fmt.Sprintf("+%.1f %s", v, u.name)
		case v < 999.5 && u.unit != time.Second:
			return fmt.Sprintf("+%.0f %s", v, u.name)
		}
	}
	if tenths := d.Round(100 * time.Millisecond); tenths < time.Hour {
		return fmt.Sprintf("+%dm%04.1fs", tenths/time.Minute, (tenths % time.Minute).Seconds())
	}
	return "+" + human(d)
}

// size returns n bytes as 13 B, 4.1 kB, 20 MB.
func size(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n, i = n/1000, i+1
	}
	return digits(n) + " " + units[i]
}

// thousands returns n as 4,812.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted returns "1 span", "2,401 spans".
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

func saturated(a, b time.Duration) time.Duration {
	if a > 1<<63-1-b {
		return 1<<63 - 1
	}
	return a + b
}
