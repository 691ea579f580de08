package text

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration returns d with at most 3 significant digits, and with a separator
// before a single unit: for "" 123ns, 1.2µs, 2.98s, 1m02s, 3h20m, 4d1h, and for
// " " 123 ns, 1.2 µs, 2.98 s, 1m02s.
func Duration(d time.Duration, separator string) string {
	if d < 0 {
		return "-" + Duration(-max(d, -math.MaxInt64), separator)
	}
	for _, u := range []struct {
		unit time.Duration
		name string
		top  float64 // 999.6 of a unit rounds up to the next one, and 59.96s to a minute
	}{
		{time.Nanosecond, "ns", 999.5},
		{time.Microsecond, "µs", 999.5},
		{time.Millisecond, "ms", 999.5},
		{time.Second, "s", 59.95},
	} {
		if v := float64(d) / float64(u.unit); v < u.top {
			return digits(v) + separator + u.name
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

// Offset returns d, the time since the start of a chain, with at most three decimals,
// so that close times differ: +12µs, +1.234ms, +62.003s. From one day on it is
// formatted like [Duration]: +4d1h.
func Offset(d time.Duration) string {
	switch {
	case d == 0:
		return "+0s"
	case d < 0:
		return "-" + Offset(-max(d, -math.MaxInt64))[1:]
	case d < time.Microsecond:
		return fmt.Sprintf("+%dns", d)
	case d < time.Millisecond:
		return "+" + thousandths(d, time.Microsecond) + "µs"
	case d < time.Second:
		return "+" + thousandths(d, time.Millisecond) + "ms"
	case d < 24*time.Hour:
		return "+" + thousandths(d, time.Second) + "s"
	default:
		return "+" + Duration(d, "")
	}
}

// thousandths returns d, not negative, in a unit of at most a second, with at most
// three decimals, truncated: 1.234.
func thousandths(d, unit time.Duration) string {
	s := fmt.Sprintf("%d.%03d", d/unit, d%unit*1000/unit)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// Bytes returns n bytes, not negative, with at most 3 significant digits: 13 B,
// 4.1 kB, 20 MB.
func Bytes(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"}
	i := 0
	for n >= 999.5 && i < len(units)-1 {
		n, i = n/1000, i+1
	}
	return digits(n) + " " + units[i]
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

// Number returns n with commas: 4,812.
func Number[N int | int64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Counted returns n with a noun whose plural ends in s: "1 write", "2,401 writes".
func Counted[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Number(n) + " " + thing + "s"
}
