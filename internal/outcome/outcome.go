// Package outcome lets a library define what its errors mean to package trace, which
// depends on no library. For example, the normal closure of a WebSocket is an error of a
// read, but no failure.
package outcome

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Outcome is the meaning of an error.
type Outcome struct {
	Type string // the value of error.type; "" if the error is no failure
	Text string // replaces the error's own text, which may quote the peer
}

var (
	mu    sync.Mutex
	known atomic.Pointer[[]func(error) (Outcome, bool)]
)

// Register adds a function that returns the Outcome of an error, and false for errors that
// it does not recognise. Register is safe for concurrent use, and f must be too.
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

// Of returns the Outcome of err by the first function that recognises it, and false if none
// does.
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
