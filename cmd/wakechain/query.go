package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/query"
)

// queryFlags are the flags of a query to Jaeger or Tempo.
type queryFlags struct {
	set *flag.FlagSet
	q   query.Query
}

func (q *queryFlags) add(fs *flag.FlagSet) {
	q.set = fs
	fs.StringVar(&q.q.Trace, "trace", "", "from Jaeger or Tempo: the trace with this `id`, in hexadecimal digits")
	fs.StringVar(&q.q.Service, "service", "", "from Jaeger or Tempo: traces of the service with this `name`, the latest unless -traces says more")
	fs.StringVar(&q.q.Operation, "operation", "", "from Jaeger or Tempo: traces that have a span with this `name`")
	fs.Var((*tags)(&q.q.Tags), "tag", "from Jaeger or Tempo: traces that have a span with this attribute, as `key=value`; may be repeated")
	fs.DurationVar(&q.q.Since, "since", time.Hour, "from Jaeger or Tempo: how far back to look, as a `duration` such as 30m")
	fs.IntVar(&q.q.Limit, "traces", 1, "from Jaeger or Tempo: read at most this `number` of traces, the latest")
}

// given reports whether any of the flags was given.
func (q *queryFlags) given() (found bool) {
	if q.set == nil {
		return false
	}
	q.set.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "trace", "service", "operation", "tag", "since", "traces":
			found = true
		}
	})
	return found
}

// tags is a flag for attributes.
type tags map[string]string

func (t *tags) String() string { return "" }

func (t *tags) Set(s string) error {
	key, value, ok := strings.Cut(s, "=")
	if !ok || key == "" {
		return errors.New("it is key=value")
	}
	if *t == nil {
		*t = tags{}
	}
	(*t)[key] = value
	return nil
}

// ask reads the traces that match the flags from a Jaeger or a Tempo.
func (s *session) ask(in *stuff, base string) error {
	if !isURL(base) {
		return usagef("-service and the like are for the URL of a Jaeger or a Tempo, such as http://localhost:16686, not for %q", printable(base))
	}
	u, err := parseURL(base)
	if err != nil {
		return err
	}
	q := &s.flags.query
	if q.q.Limit <= 0 || q.q.Since <= 0 {
		return usagef("-traces and -since are more than 0")
	}
	name := u.Redacted()
	m := s.meter(&source{name: name, spans: true})
	defer m.stop()
	before := in.spans.Len()
	report, err := query.Read(s.ctx, &in.spans, u.String(), q.q, query.WithSilence(s.flags.wait),
		query.WithProgress(func(r query.Report) { m.n.Store(int64(r.Spans)) }))
	n := in.spans.Len() - before
	in.reports = append(in.reports, sourceReport{name, chain.Report{Format: chain.Format(report.Kind), Objects: report.Traces, Spans: n, Warnings: report.Warnings}})
	for _, w := range report.Warnings {
		s.warn("%s: %s", name, w.Text)
	}
	if report.More && s.flags.given("traces") {
		s.warn("%s: there are more traces (-traces)", name)
	}
	switch {
	case s.ctx.Err() != nil:
		s.part = true
		return nil
	case err != nil && n > 0:
		s.warn("%s: %v: this is of the %s before that", name, err, text.Counted(n, "span"))
		return nil
	case err != nil:
		return askedError(name, err)
	case n == 0 && report.Traces == 0:
		return fmt.Errorf("%s: it has no trace like that of the last %s (-since)", name, text.Duration(q.q.Since, " "))
	default:
		return nil
	}
}

// askedError adds the server's name to an error that does not have it.
func askedError(name string, err error) error {
	said := strings.TrimPrefix(err.Error(), "query: ")
	if !strings.Contains(said, name) {
		said = name + ": " + said
	}
	return errors.New(said)
}
