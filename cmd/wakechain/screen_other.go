//go:build !unix

package main

// watchSize does nothing: each page asks for the size.
func (s *screen) watchSize() {}

// suspend does nothing if the system has no job control.
func (s *screen) suspend() error { return nil }
