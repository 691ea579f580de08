package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain/tap"
)

// Default paths of a process's execution traces, by net/http/pprof, and of its spans, by
// package tap.
const (
	tracePath = "/debug/pprof/trace"
	spansPath = debugPath + "/spans"
)

var recordVerb = &verb{
	name: "record", args: "URL", short: "record the execution trace or the spans of a process for some time",
	long: "An execution trace is for why, tree, draw and go tool trace. The process serves net/http/pprof, by default at /debug/pprof/trace of the URL's host; it may be any Go program. An execution trace has every wait of every goroutine, with the line of code, also of what nobody wrapped. While it is recorded, a hand-off over a channel may cost twice as much, so keep the time short.\n\nWith -spans it is the spans that end in that time. For them the process serves package trace/chain/tap, by default at /debug/wakechain/spans.\n\nInterrupted, it keeps what has arrived.",
	examples: []example{
		{"wakechain record -for 1s -o slow.trace http://127.0.0.1:6060", "the next second of a process"},
		{"wakechain record -spans -for 1s -o spans.json http://127.0.0.1:6060", "the spans that end in the next second"},
		{"wakechain record -for 500ms http://127.0.0.1:6060/debug/pprof/trace | wakechain why", "and at once what it says"},
	},
	setup: func(f *flags) {
		f.timed()
		d := f.set.Duration("for", 5*time.Second, "how long, as a `duration` such as 5s or 500ms")
		spans := f.set.Bool("spans", false, "record spans, as OTLP/JSON, and not an execution trace")
		output := f.set.String("o", "", "write to this `file`, and not to standard output")
		f.run = func(s *session, args []string) error {
			switch {
			case len(args) != 1:
				return usagef("one URL, such as http://127.0.0.1:6060")
			case *d <= 0:
				return usagef("-for is more than 0")
			case *output == "" && !*spans && isTerminal(s.out):
				return usagef("an execution trace is not for a terminal: say -o file")
			}
			from, err := recordURL(args[0], *spans, *d)
			if err != nil {
				return err
			}
			if *output == "" {
				_, err := s.record(s.out, from, *d)
				return err
			}
			// The file appears only if something has arrived.
			return s.recordFile(*output, from, *d)
		}
	},
}

// recordURL returns the URL of a recording of the process for the time d.
func recordURL(source string, spans bool, d time.Duration) (string, error) {
	if !isURL(source) {
		source = "http://" + source
	}
	u, err := parseURL(source)
	if err != nil {
		return "", err
	}
	if path := strings.TrimRight(u.Path, "/"); path == "" || path == debugPath || path == "/debug/pprof" || path == "/debug" {
		*u = url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host, Path: tracePath}
		if spans {
			u.Path = spansPath
		}
	}
	q := u.Query()
	q.Set("seconds", strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (s *session) recordFile(name, from string, d time.Duration) (err error) {
	part := name + ".part"
	f, err := os.Create(part)
	if err != nil {
		return err
	}
	n, err := s.record(f, from, d)
	closed := f.Close()
	if n == 0 || closed != nil {
		_ = os.Remove(part)
		return errors.Join(err, closed)
	}
	if renamed := os.Rename(part, name); renamed != nil {
		return renamed
	}
	s.warn("%s has %s: wakechain why %s", name, text.Bytes(float64(n)), name)
	return err
}

// record copies the answer to w, and returns its size.
func (s *session) record(w io.Writer, from string, d time.Duration) (n int64, err error) {
	// The first byte may arrive only at the end of the recording.
	body, _, err := s.get(from, d+s.flags.wait)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if b, ok := body.(*watched); ok && b.header.Get(tap.LeftOut) != "" {
		s.warn("the process left out %s more spans", b.header.Get(tap.LeftOut))
	}
	m := s.meter(&source{name: from, r: body})
	n, err = io.Copy(w, m)
	m.stop()
	switch {
	case s.ctx.Err() != nil && n > 0:
		s.warn("interrupted: the end is missing")
		return n, errInterrupted
	case err == nil && n == 0:
		return 0, fmt.Errorf("%s: an empty answer", from)
	default:
		return n, err
	}
}
