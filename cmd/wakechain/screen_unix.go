//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// watchSize sends to resized when the size of the window has changed.
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

// suspend stops the process, as Ctrl-Z does, and returns when it continues.
func (s *screen) suspend() error {
	s.close()
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil { // the whole job, as the terminal would
		return err
	}
	return s.enter()
}
