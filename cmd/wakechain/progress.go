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
	headSize      = 64 // bytes of a source that identify its format
)

// meter is a reader of a source that shows the progress on a terminal, after a second.
type meter struct {
	io.Reader
	n    atomic.Int64
	head []byte // the beginning of the source
	quit chan struct{}
	done chan struct{}
}

// meter returns a meter for in. It shows the progress on standard error if that is a
// terminal.
func (s *session) meter(in *source) *meter {
	m := &meter{Reader: in}
	if !isTerminal(s.err) {
		return m
	}
	m.quit, m.done = make(chan struct{}), make(chan struct{})
	go m.show(s.err, in)
	return m
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.head = append(m.head, p[:min(n, headSize-len(m.head))]...)
	m.n.Add(int64(n))
	return n, err
}

func (m *meter) show(w io.Writer, in *source) {
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
		columns, _, ok := terminal(w)
		if !ok {
			columns = 80
		}
		shown = true
		fmt.Fprint(w, "\r"+text.Clip(progress(in, m.n.Load()), max(columns-1, 20), "…")+"\x1b[K")
	}
}

// stop ends the display, and clears its line.
func (m *meter) stop() {
	if m.quit != nil {
		close(m.quit)
		<-m.done
	}
}

// progress returns a line with the part of a source that has been read.
func progress(in *source, n int64) string {
	name, size := printable(in.name), in.size
	switch {
	case in.spans:
		return fmt.Sprintf("reading %s: %s", name, text.Counted(int(n), "span"))
	case size <= 0:
		return fmt.Sprintf("reading %s: %s", name, text.Bytes(float64(n)))
	}
	part := min(float64(n)/float64(size), 1)
	full := int(part * progressWidth)
	return fmt.Sprintf("%s%s %3.0f %%  %s of %s  %s", strings.Repeat("█", full), strings.Repeat("░", progressWidth-full), 100*part,
		text.Bytes(float64(n)), text.Bytes(float64(size)), name)
}
