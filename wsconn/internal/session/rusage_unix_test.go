//go:build unix

package session_test

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what the process has used, in user and system mode, on all cores:
// of a machine that others use, too, the time that can be compared.
func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
