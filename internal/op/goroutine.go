package op

import (
	"runtime"
	"strconv"
	"strings"
)

// GoroutineID returns the calling goroutine's ID. It parses the first line of its
// stack, "goroutine 18 [running]:", since the runtime offers no other way. That takes
// about a microsecond.
func GoroutineID() int64 {
	var buf [64]byte
	line := string(buf[:runtime.Stack(buf[:], false)])
	line, _, _ = strings.Cut(strings.TrimPrefix(line, "goroutine "), " ")
	id, _ := strconv.ParseInt(line, 10, 64)
	return id
}
