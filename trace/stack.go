package trace

import (
	"fmt"
	"runtime"
	"strings"
)

// maxFrames is the maximum number of frames that are looked at.
const maxFrames = 64

// unwinding reports, in a deferred function that runs because the function did not
// return, whether the goroutine exits by runtime.Goexit. If it panics, stack has the
// frames from the one that panicked to the outermost of the user's, as a crash would
// print them. It does not recover.
func unwinding() (exits bool, stack string) {
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var b strings.Builder
	panics, inside := false, false
	for {
		f, more := frames.Next()
		switch {
		case !panics && f.Function == "runtime.Goexit":
			return true, ""
		case f.Function == "runtime.gopanic":
			panics = true
		case !panics || !inside && strings.HasPrefix(f.Function, "runtime."):
			// The deferred function, or the runtime's frames of the panic.
		case f.Function == runFunction:
			return false, b.String()
		default:
			inside = true
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return false, b.String()
		}
	}
}

// runFunction is the function that calls the user's.
const runFunction = ScopeName + "/trace.(*Task).run"
