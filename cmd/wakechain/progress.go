package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
	progressWidth = 24
)

// meter is a source that shows on a terminal how far it has been read, once that
// has taken a second.
type meter struct {
	io.Reader
	n    atomic.Int64
	quit chan struct{}
	done chan struct{}
}

// meter returns in, with its progress on standard error if that is a terminal.
func (s *session) meter(in *source) *meter {
	m := &meter{Reader: in}
	if !isTerminal(s.err) {
		return m
	}
	m.quit, m.done = make(chan struct{}), make(chan struct{})
	go m.show(s.err, in.name, in.size)
	return m
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n.Add(int64(n))
	return n, err
}

func (m *meter) show(w io.Writer, name string, size int64) {
	defer close(m.done)
	shown := false
	for next := time.After(progressAfter); ; next = time.After(progressEvery) {
		select {
		case <-m.quit:
			if shown {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case <-next:
		}
		columns, _, _ := terminal(w)
		shown = true
		fmt.Fprint(w, "\r"+text.Clip(progress(name, m.n.Load(), size), max(columns-1, 20), "…")+"\x1b[K")
	}
}

// stop ends the display, which leaves nothing on the terminal.
func (m *meter) stop() {
	if m.quit != nil {
		close(m.quit)
		<-m.done
	}
}

// progress is a line that says how much of a source has been read.
func progress(name string, n, size int64) string {
	if size <= 0 {
		return fmt.Sprintf("reading %s: %s", printable(name), text.Bytes(float64(n)))
	}
	part := min(float64(n)/float64(size), 1)
	full := int(part * progressWidth)
	return fmt.Sprintf("%s%s %3.0f %%  %s of %s  %s", strings.Repeat("█", full), strings.Repeat("░", progressWidth-full), 100*part,
		text.Bytes(float64(n)), text.Bytes(float64(size)), printable(name))
}
