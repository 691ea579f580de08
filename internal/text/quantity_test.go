package text_test

import (
	"math"
	"testing"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0ns", 1: "1ns", 999: "999ns", 1000: "1µs", 1234: "1.23µs", 12_345: "12.3µs", 123_456: "123µs",
		9_999: "10µs", 9_994: "9.99µs", 99_960: "100µs", 999_499: "999µs", 999_500: "1ms", 2_980 * time.Millisecond: "2.98s",
		59_940 * time.Millisecond: "59.9s", 59_960 * time.Millisecond: "1m00s", 62 * time.Second: "1m02s",
		3599*time.Second + 600*time.Millisecond: "1h00m", 200 * time.Minute: "3h20m", 97 * time.Hour: "4d1h",
		24*time.Hour - time.Second: "1d0h", -1234: "-1.23µs", math.MaxInt64: "106751d23h", math.MinInt64: "-106751d23h",
	} {
		if got := text.Duration(d, ""); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "0 ns", 1234: "1.23 µs", 100_200: "100 µs", 2_980 * time.Millisecond: "2.98 s", 62 * time.Second: "1m02s", -1234: "-1.23 µs",
	} {
		if got := text.Duration(d, " "); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "+0s", 12: "+12ns", 12_000: "+12µs", 1_234_567: "+1.234ms", 1_234_567_890: "+1.234s", 62_003 * time.Millisecond: "+62.003s",
		-5_000: "-5µs", 97 * time.Hour: "+4d1h", math.MinInt64: "-106751d23h",
	} {
		if got := text.Offset(d); got != want {
			t.Errorf("%d: got %q, want %q", d, got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{
		0: "0 B", 13: "13 B", 999: "999 B", 1000: "1 kB", 4096: "4.1 kB", 65_536: "65.5 kB", 999_999: "1 MB", 20e6: "20 MB", math.MaxInt64: "9.22 EB",
	} {
		if got := text.Bytes(n); got != want {
			t.Errorf("%v: got %q, want %q", n, got, want)
		}
	}
}
