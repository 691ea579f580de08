//go:build !unix

package main

// watchSize does nothing: the size is asked for with each page.
func (s *screen) watchSize() {}

// suspend does nothing where there are no jobs.
func (s *screen) suspend() error { return nil }
