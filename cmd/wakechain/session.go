package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sched/schedread"
)

// session is one run of a verb.
type session struct {
	stdio
	ctx   context.Context
	flags *flags

	mu   sync.Mutex // guards writes to err
	part bool       // the user has interrupted it: the answer is about a part
}

// warn writes a line to standard error.
func (s *session) warn(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.err, "wakechain: %s\n", text.Printable(fmt.Sprintf(format, args...)))
}

// end returns the result of a verb that has answered.
func (s *session) end(found bool) error {
	switch {
	case s.part:
		return errInterrupted
	case found:
		return errFound
	default:
		return nil
	}
}

// chain reads the spans of the sources.
func (s *session) chain(sources []string) (*chain.Chain, error) {
	in, err := s.read(sources)
	if err != nil {
		return nil, err
	}
	return in.spans.Chain(), nil
}

// stuff is the contents of the sources.
type stuff struct {
	spans   chain.Collection
	traces  []*schedread.Trace
	reports []sourceReport
}

// sourceReport is the name and the report of a source.
type sourceReport struct {
	name string
	chain.Report
}

// read returns the contents of the sources, by default standard input. It warns of what was
// left out.
func (s *session) read(sources []string) (*stuff, error) {
	if len(sources) == 0 {
		sources = []string{"-"}
	}
	in := new(stuff)
	for _, source := range sources {
		if s.ctx.Err() != nil {
			s.part = true
			break
		}
		read := s.readOne
		if s.flags.query.given() {
			read = s.ask
		}
		if err := read(in, source); err != nil {
			return nil, err
		}
	}
	in.join(s)
	switch n := in.spans.Len(); {
	case n == 0 && s.part:
		return nil, context.Cause(s.ctx)
	case n == 0:
		var names []string
		for _, r := range in.reports {
			names = append(names, r.name)
		}
		return nil, fmt.Errorf("there are no spans in %s", strings.Join(names, ", "))
	case s.part:
		s.warn("interrupted: this is of %s, and not of all", text.Counted(n, "span"))
	}
	return in, nil
}

// join adds the waits in execution traces below the spans of other sources.
func (in *stuff) join(s *session) {
	var spans []chain.Span
	if len(in.traces) > 0 {
		spans = in.spans.Spans()
	}
	for _, t := range in.traces {
		if len(spans) > 0 {
			if below := t.Join(spans); len(below) > 0 {
				in.spans.Add(below...)
				continue
			}
			s.warn("nothing in the execution trace was inside one of the spans: it stands for itself")
		}
		in.spans.Add(t.Spans()...)
	}
}

// viewError is the error for a source that has a view of package live instead of spans.
type viewError struct{ name string }

func (e *viewError) Error() string {
	return e.name + ": this is what is in progress in a process, which has no spans: see wakechain ps, top and record"
}

// readOne reads the spans of one source.
func (s *session) readOne(in *stuff, source string) error {
	from, err := s.open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	meter := s.meter(from)
	before := in.spans.Len()
	report, err := in.spans.Read(meter, chain.WithContext(s.ctx), chain.WithDecoder(chain.FormatGoTrace, func(r io.Reader) ([]chain.Span, error) {
		t, err := schedread.Read(r)
		if t != nil && t.Blocks+t.Goroutines > 0 {
			in.traces = append(in.traces, t)
			if err != nil {
				s.warn("%s: %v: this is of what is before that", from.name, err)
			}
			return nil, nil
		}
		return nil, err
	}))
	meter.stop()
	in.reports = append(in.reports, sourceReport{from.name, report})
	for _, w := range report.Warnings {
		s.warn("%s: %s", from.name, w.Text)
	}
	n := in.spans.Len() - before
	var format *chain.FormatError
	switch {
	case s.ctx.Err() != nil:
		s.part = true
		return nil
	case n == 0 && isView(meter.head):
		return &viewError{from.name}
	case err == nil:
		return nil
	case errors.As(err, &format):
		return fmt.Errorf("%s: this looks like %s: %s", from.name, format.Looks, format.Advice)
	case n > 0:
		s.warn("%s: %v: this is of the %s before that", from.name, err, text.Counted(n, "span"))
		return nil
	case from.named(err):
		return err
	default:
		return fmt.Errorf("%s: %w", from.name, err)
	}
}
