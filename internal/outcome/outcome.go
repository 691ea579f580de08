// Package outcome is where a library's errors say what they mean to package
// trace, which knows no library: that a WebSocket was closed normally is an error
// of a read, and no failure of whoever reads.
package outcome

import (
	"slices"
	"sync"
	"sync/atomic"
)

// An Outcome is what an error means.
type Outcome struct {
	Type string // the value for error.type; "" for an error that is no failure
	Text string // in place of the error's own text, which may quote the peer
}

var (
	mu    sync.Mutex
	known atomic.Pointer[[]func(error) (Outcome, bool)]
)

// Register adds a function that reports whether it knows an error, and what that
// means. It is safe for concurrent use, as the function must be.
func Register(f func(error) (Outcome, bool)) {
	mu.Lock()
	defer mu.Unlock()
	var fs []func(error) (Outcome, bool)
	if old := known.Load(); old != nil {
		fs = slices.Clone(*old)
	}
	fs = append(fs, f)
	known.Store(&fs)
}

// Of returns what the first function that knows err says of it.
func Of(err error) (Outcome, bool) {
	if fs := known.Load(); fs != nil {
		for _, f := range *fs {
			if o, ok := f(err); ok {
				return o, true
			}
		}
	}
	return Outcome{}, false
}
