package tracetest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/wakechain/wakechain/trace"
)

// maxFrames is how many frames of a stack are examined.
const maxFrames = 64

// goroutine returns the runtime's number of the calling goroutine. Only the header of its
// stack has it: "goroutine 18 [running]:".
func goroutine() int64 {
	var buf [64]byte
	header := buf[:runtime.Stack(buf[:], false)]
	number, _, _ := bytes.Cut(bytes.TrimPrefix(header, []byte("goroutine ")), []byte(" "))
	n, _ := strconv.ParseInt(string(number), 10, 64)
	return n
}

// caller returns the file and line of the code that starts a span: the innermost frame that
// is not in OpenTelemetry, this module's library code, the standard library or a
// dependency. A goroutine that one of these started may have no such frame. caller then
// prefers the standard library and dependencies.
func caller() string {
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	best, rank := "an unknown place", 0
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if r := rankOf(f); r > rank {
			best, rank = place(f), r
		}
	}
	return best
}

// rankOf ranks how useful a frame is to a user: 3 is the user's own.
func rankOf(f runtime.Frame) int {
	switch {
	case f.File == "" || strings.HasPrefix(f.Function, "runtime."):
		return 0
	case instrumentation(f):
		return 1
	case strings.HasPrefix(f.File, std) || strings.Contains(f.File, "@v"):
		return 2
	default:
		return 3
	}
}

func instrumentation(f runtime.Frame) bool {
	if strings.HasPrefix(f.Function, "go.opentelemetry.io/") {
		return true
	}
	if strings.HasSuffix(f.File, "_test.go") {
		return false
	}
	of, ours := strings.CutPrefix(f.Function, trace.ScopeName+"/")
	return ours && (strings.HasPrefix(of, "trace") || strings.HasPrefix(of, "wsconn"))
}

// std is the folder of the standard library, or a name that no file has, if the build left
// it out.
var std = func() string {
	pcs := make([]uintptr, maxFrames)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if root, ok := strings.CutSuffix(filepath.ToSlash(f.File), "/runtime/proc.go"); ok {
			return root + "/"
		}
	}
	return "\x00"
}()

// place returns the file and line of a frame, relative to the test's folder if it is below.
func place(f runtime.Frame) string { return fmt.Sprintf("%s:%d", short(f.File), f.Line) }

func short(file string) string {
	if !filepath.IsAbs(file) { // -trimpath left its folder out
		if base := filepath.Base(file); exists(base) {
			return base
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return file
	}
	if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return file
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
