package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
)

// source is a file, standard input or the answer of a server.
type source struct {
	name  string
	r     io.Reader
	size  int64 // bytes; 0: unknown
	spans bool  // progress is counted in spans, not bytes
	c     io.Closer
}

func (in *source) Read(p []byte) (int, error) { return in.r.Read(p) }

func (in *source) Close() error {
	if in.c == nil {
		return nil
	}
	return in.c.Close()
}

// named reports whether the error has the name of the source.
func (in *source) named(err error) bool {
	var path *fs.PathError
	var web *webError
	return errors.As(err, &path) || errors.As(err, &web)
}

// isURL reports whether a source is a URL, not a file.
func isURL(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

func parseURL(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("a URL is such as http://localhost:6060/debug/wakechain, not %q", printable(source))
	}
	return u, nil
}

// open opens a source.
func (s *session) open(name string) (*source, error) {
	switch {
	case isURL(name):
		u, err := parseURL(name)
		if err != nil {
			return nil, err
		}
		body, size, err := s.get(u.String(), s.flags.wait)
		if err != nil {
			return nil, err
		}
		return &source{name: u.Redacted(), r: body, size: size, c: body}, nil
	case name == "-":
		if isTerminal(s.in) {
			s.warn("reading spans from the terminal, up to the end of input")
		}
		if s.in == nil {
			return nil, errors.New("there is no standard input")
		}
		return &source{name: "standard input", r: s.in}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	in := &source{name: name, r: f, c: f}
	if info, err := f.Stat(); err == nil {
		if info.IsDir() {
			_ = f.Close()
			return nil, fmt.Errorf("%s is a folder, not a file of spans", name)
		}
		if info.Mode().IsRegular() {
			in.size = info.Size()
		}
	}
	return in, nil
}

// isView reports whether a source with this beginning is a view of package live in JSON.
func isView(head []byte) bool {
	head, ok := bytes.CutPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimLeft(head, " \t\r\n"), []byte(`"version":`))
}
