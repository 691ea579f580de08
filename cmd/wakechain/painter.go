package main

import (
	"bytes"
	"io"
)

// painter is a writer that colors lines.
type painter struct {
	w    io.Writer
	on   bool
	left []byte // the beginning of an incomplete line
}

func (p *painter) Write(b []byte) (int, error) {
	if !p.on {
		return p.w.Write(b)
	}
	p.left = append(p.left, b...)
	var out bytes.Buffer
	for {
		line, rest, ok := bytes.Cut(p.left, []byte("\n"))
		if !ok {
			break
		}
		out.WriteString(treeColors(string(line)))
		out.WriteByte('\n')
		p.left = rest
	}
	if _, err := p.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(b), nil
}

// lines yields the lines of b, without surrounding white space.
func lines(b []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range bytes.Lines(b) {
			if !yield(string(bytes.TrimSpace(line))) {
				return
			}
		}
	}
}
