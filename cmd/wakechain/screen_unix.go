//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSize has resized say when the window has another size.
func (s *screen) watchSize() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for range changed {
			select {
			case s.resized <- struct{}{}:
			default:
			}
		}
	}()
}

// suspend stops the process, as Ctrl-Z does, and returns when it goes on.
func (s *screen) suspend() error {
	s.close()
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil { // of the whole job, as the terminal would
		return err
	}
	return s.enter()
}
