package explain_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/explain"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 ns", 999: "999 ns", 1000: "1 µs", 12_340: "12.3 µs", 999_499: "999 µs", 999_500: "1 ms",
		2_710 * time.Millisecond: "2.71 s", 120 * time.Millisecond: "120 ms", 9_995 * time.Microsecond: "10 ms",
		999_600 * time.Microsecond: "1 s", 59_940 * time.Millisecond: "59.9 s", 59_960 * time.Millisecond: "1 min 0 s",
		62 * time.Second: "1 min 2 s", time.Hour: "1 h 0 min", 26*time.Hour + 3*time.Minute: "26 h 3 min",
		math.MaxInt64: "2562047 h 47 min",
	} {
		if got := explain.Duration(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "+0s", 999: "+999ns", 12_000: "+12µs", 4_507_900: "+4.507ms", 62_003 * time.Millisecond: "+62.003s",
		-1: "+0s", 25 * time.Hour: "+1d1h",
	} {
		if got := explain.Offset(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 999: "999 bytes", 4665: "4,665 bytes", 9999: "9,999 bytes", 10_000: "10 kB",
		17_748: "17.7 kB", 999_499: "999 kB", 999_500: "1 MB", 4_100_000: "4.1 MB", math.MaxInt64: "9.22 EB", -1234: "-1,234 bytes",
	} {
		if got := explain.Size(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                           "",
		"sen_data's 数据":              "sen_data's 数据",
		"a\nb\x1b[31m\u202e\x00\xff": `a\nb\x1b[31m\u202e\x00\xff`,
		"\uFFFD":                     "\uFFFD",
		strings.Repeat("é", 61):      strings.Repeat("é", 60) + "…",
	} {
		if got := explain.Plain(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
}
