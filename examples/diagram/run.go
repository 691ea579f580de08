package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

// run reads the spans and draws them.
func (c *config) run(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	spans, err := c.read(ctx, stdin)
	if err != nil {
		return err
	}
	if len(spans) == 0 {
		return errors.New("there are no spans")
	}
	d := sequence.New(chain.New(spans), c.opts...)
	if len(d.Rows) == 0 {
		return fmt.Errorf("nothing is left to draw: %s", strings.Join(d.Notes, "; "))
	}
	var opts []sequence.Option
	out := stdout
	if c.output != "" {
		f, err := os.Create(c.output)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	} else if width, ok := terminal(stdout); ok {
		opts = append(opts, sequence.WithWidth(width))
		if os.Getenv("NO_COLOR") == "" {
			opts = append(opts, sequence.WithColor())
		}
	}
	if c.width > 0 {
		opts = append(opts, sequence.WithWidth(c.width))
	}
	if err := d.Write(out, c.format, opts...); err != nil {
		return err
	}
	if f, ok := out.(*os.File); ok && c.output != "" {
		return f.Close()
	}
	return nil
}

// terminal returns the width of w, if it is a terminal.
func terminal(w io.Writer) (columns int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return columns, err == nil && columns > 0
}

// read returns the spans of all sources.
func (c *config) read(ctx context.Context, stdin io.Reader) ([]chain.Span, error) {
	if c.jaeger != "" {
		return readJaeger(ctx, c.jaeger, c.trace, c.service)
	}
	var all []chain.Span
	for _, name := range c.inputs() {
		spans, err := readFile(name, stdin)
		if err != nil {
			return nil, err
		}
		all = append(all, spans...)
	}
	return all, nil
}

// inputs are the files that the spans come from, "-" for standard input.
func (c *config) inputs() []string {
	switch {
	case c.jaeger != "":
		return nil
	case len(c.files) == 0:
		return []string{"-"}
	default:
		return c.files
	}
}

func readFile(name string, stdin io.Reader) ([]chain.Span, error) {
	in := stdin
	if name == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s is a folder, not a file of OTLP/JSON", name)
		}
		in = f
	}
	spans, _, err := chain.Read(in)
	var path *fs.PathError
	switch {
	case err != nil && !errors.As(err, &path): // that names the file
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return spans, err
}
