package sequence

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// maxText is the maximum length of a text from the trace in a label, in characters.
const maxText = 48

// short returns s as printable text, cut to the length of a label.
func short(s string) string { return text.Label(s, maxText) }

// human returns d in a form such as 123 ns, 1.2 µs or 1m02s.
func human(d time.Duration) string { return text.Duration(d, " ") }

// moment returns a time since the start of the chain, with 3 significant digits below a
// minute: +12.0 µs, +1.23 ms, +1m02.1s.
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
