package telemetry

import (
	"io"
	"sync"
)

// LockedWriter lets goroutines write to W, one at a time.
type LockedWriter struct {
	W  io.Writer
	mu sync.Mutex
}

func (l *LockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.W.Write(p)
}
