package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// session is one run of a verb.
type session struct {
	stdio
	ctx   context.Context
	flags *flags

	mu   sync.Mutex // of what is written to err
	part bool       // the user has interrupted it: what follows is of a part
}

// warn writes a line to standard error.
func (s *session) warn(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.err, "wakechain: %s\n", text.Printable(fmt.Sprintf(format, args...)))
}

// end is what a verb returns that has answered.
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
	spans, _, err := s.read(sources)
	if err != nil {
		return nil, err
	}
	return chain.New(spans), nil
}

// read returns the spans of the sources, of which there is at least one, and what
// each of them was. It warns of what was left out.
func (s *session) read(sources []string) (all []chain.Span, reports []sourceReport, err error) {
	if len(sources) == 0 {
		sources = []string{"-"}
	}
	if s.flags.query.given() {
		spans, err := s.query(sources)
		if err == nil && len(spans) == 0 {
			err = errors.New("there are no spans")
		}
		return spans, nil, err
	}
	for _, source := range sources {
		if s.ctx.Err() != nil {
			s.part = true
			break
		}
		spans, report, err := s.readOne(source)
		if err != nil {
			return nil, nil, err
		}
		all, reports = append(all, spans...), append(reports, report)
	}
	if len(all) == 0 && s.part {
		return nil, nil, context.Cause(s.ctx)
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("there are no spans in %s", strings.Join(names(reports), ", "))
	}
	if s.part {
		s.warn("interrupted: this is of %s, and not of all", text.Printable(counted(len(all), "span")))
	}
	return all, reports, nil
}

// sourceReport is what a source turned out to be.
type sourceReport struct {
	name string
	chain.Report
}

func names(reports []sourceReport) (names []string) {
	for _, r := range reports {
		names = append(names, r.name)
	}
	return names
}

// readOne reads the spans of one source.
func (s *session) readOne(source string) ([]chain.Span, sourceReport, error) {
	in, err := s.open(source)
	if err != nil {
		return nil, sourceReport{}, err
	}
	defer in.Close()
	if in.view() {
		return nil, sourceReport{}, fmt.Errorf("%s: this is what is in progress in a process, which has no spans: see wakechain ps, top and record", in.name)
	}
	meter := s.meter(in)
	spans, report, err := chain.Read(meter, readOptions(s.ctx)...)
	meter.stop()
	r := sourceReport{in.name, report}
	for _, w := range report.Warnings {
		s.warn("%s: %s", in.name, w.Text)
	}
	var format *chain.FormatError
	switch {
	case err == nil:
		return spans, r, nil
	case s.ctx.Err() != nil:
		s.part = true
		return spans, r, nil
	case errors.As(err, &format):
		return nil, r, fmt.Errorf("%s: this looks like %s: %s", in.name, format.Looks, format.Advice)
	case in.named(err):
		return nil, r, err
	case len(spans) > 0:
		s.warn("%s: %v: this is of the %s before that", in.name, err, counted(len(spans), "span"))
		return spans, r, nil
	default:
		return nil, r, fmt.Errorf("%s: %w", in.name, err)
	}
}

func readOptions(ctx context.Context) []chain.ReadOption {
	return []chain.ReadOption{chain.WithContext(ctx)}
}

// counted is n of something.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(n) + " " + what
}

// thousands is n with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
